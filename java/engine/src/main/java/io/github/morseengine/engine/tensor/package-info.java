/** Element types, shapes and host tensors: the vocabulary that all layers share. */
package io.github.morseengine.engine.tensor;
