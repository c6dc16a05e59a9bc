/** What a device must offer to run graphs; each implementation is a package below. */
package io.github.morseengine.engine.backend;
