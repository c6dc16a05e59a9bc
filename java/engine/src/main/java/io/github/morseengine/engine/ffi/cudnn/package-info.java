/**
 * cuDNN 9's backend (graph) API: checked calls and descriptors that are owned by one object each
 * and destroyed once. An object holds the descriptors that it is made of until it is closed.
 */
package io.github.morseengine.engine.ffi.cudnn;
