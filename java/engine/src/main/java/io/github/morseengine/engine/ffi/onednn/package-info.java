/** oneDNN: every status checked, every handle owned and closed once. */
package io.github.morseengine.engine.ffi.onednn;
