/** What the benchmarks share: models of one operator, random inputs, checks of results. */
package io.github.morseengine.jmh;
