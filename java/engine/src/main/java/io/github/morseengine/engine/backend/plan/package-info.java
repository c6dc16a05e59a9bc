/** Strided views of memory and their placement in one arena, for every backend that plans. */
package io.github.morseengine.engine.backend.plan;
