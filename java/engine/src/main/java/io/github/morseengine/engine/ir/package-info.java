/** The typed graph as plain data: values, nodes, attributes; no reading, no passes, no devices. */
package io.github.morseengine.engine.ir;
