/** From prompts to token ids, as the text encoders of diffusion models want them. */
package io.github.morseengine.engine.morse.text;
