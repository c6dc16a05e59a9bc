/** The {@code morse} command: arguments, reports and messages around the engine. */
package io.github.morseengine.cli;
