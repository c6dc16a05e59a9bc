/** The engine and ONNX Runtime on the same files, in one process, in turn. */
package io.github.morseengine.jmh.peers;
