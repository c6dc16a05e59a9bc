/** Reading of configuration files. */
package io.github.morseengine.engine.morse.json;
