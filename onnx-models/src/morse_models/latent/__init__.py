"""Dot for U-Nets of diffusers: Stable Diffusion, SDXL, latent consistency models, plain U-Nets."""
