"""Pictures to latents and back, through diffusers' AutoencoderKL.

A latent here is always scaled as the UNet wants it: (sample - shift) x scaling factor.
"""

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor

OFFICIAL_SCALING = 0.18215
# A picture of 512 px takes the decoder about a gigabyte in fp32; pictures don't touch each other.
PICTURES_AT_ONCE = 4


def scaling(vae: AutoencoderKL) -> tuple[float, float]:
    """Scaling factor and shift; configs of old VAEs have a shift of None."""
    config = dict(vae.config)
    return float(config["scaling_factor"]), float(config.get("shift_factor") or 0)


@torch.inference_mode()
def encode(vae: AutoencoderKL, pixels: Tensor, noise: Tensor | None) -> Tensor:
    """Latents of pictures: (n, 3, R, R) in -1..1 -> (n, 4, R/8, R/8), fp32, on the VAE's device.

    noise: N(0, 1) in the latents' shape, which picks the sample of the posterior; None takes its
    mean.
    """
    factor, shift = scaling(vae)
    means, deviations = [], []
    for part in torch.split(pixels, PICTURES_AT_ONCE):
        posterior = vae.encode(part.to(vae.device, vae.dtype)).latent_dist
        means.append(posterior.mean.float())
        deviations.append(posterior.std.float())
    latents = torch.cat(means)
    if noise is not None:
        latents = latents + torch.cat(deviations) * noise.to(latents)
    return (latents - shift) * factor


@torch.inference_mode()
def decode(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Pictures of latents: (n, 4, h, h) -> (n, 3, 8h, 8h), about -1..1, fp32, not clamped."""
    factor, shift = scaling(vae)
    whole = (latents / factor + shift).to(vae.device, vae.dtype)
    parts = torch.split(whole, PICTURES_AT_ONCE)
    return torch.cat([vae.decode(part).sample.float() for part in parts])
