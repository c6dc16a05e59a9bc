/**
 * One benchmark per operator of the CPU backend, at the shapes of the shipped model. Each verifies
 * against the reference backend before it is timed.
 */
package io.github.morseengine.jmh.micro;
