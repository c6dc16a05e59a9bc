/**
 * Convolutions and attention by cuDNN: what is asked, the graphs that say so, the choice among
 * cuDNN's engines, and a cache of that choice on disk.
 */
package io.github.morseengine.engine.backend.cuda.cudnn;
