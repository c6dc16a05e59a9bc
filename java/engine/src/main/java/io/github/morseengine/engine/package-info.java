/**
 * The public entry points: {@link io.github.morseengine.engine.Engine} (a device), {@link
 * io.github.morseengine.engine.CompiledModel} (immutable, shared) and {@link
 * io.github.morseengine.engine.Session} (one run at a time).
 */
package io.github.morseengine.engine;
