/** Makes all shapes of a graph static and computes beforehand what does not depend on inputs. */
package io.github.morseengine.engine.graph.infer;
