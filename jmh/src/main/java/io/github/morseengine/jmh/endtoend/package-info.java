/** Steps of Dash and Dot, the update between them, and whole pictures. */
package io.github.morseengine.jmh.endtoend;
