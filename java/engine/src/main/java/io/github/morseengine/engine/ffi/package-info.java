/** Checked calls and owned handles over the generated bindings; nobody else imports those. */
package io.github.morseengine.engine.ffi;
