/** What jmh/verify-gpu.sh runs on a machine with a GPU; no test framework is needed. */
package io.github.morseengine.tests.verify;
