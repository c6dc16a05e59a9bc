/** Reads ONNX files into the graph: messages, external data, functions. */
package io.github.morseengine.engine.graph.onnx;
