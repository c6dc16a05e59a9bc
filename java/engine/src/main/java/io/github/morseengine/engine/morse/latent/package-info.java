/** Text to picture around Dash and Dot: folders as diffusers lays them out, text encoders, VAE. */
package io.github.morseengine.engine.morse.latent;
