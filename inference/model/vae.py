"""Pictures to latents and back, through diffusers' AutoencoderKL.

A latent here is always scaled as the UNet wants it: (sample - shift) x scaling factor.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from inference.model.acceleration import in_tensor_order

if TYPE_CHECKING:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

OFFICIAL_SCALING = 0.18215
# Pictures don't touch each other. One of 512 px takes the decoder about a gigabyte in fp32; a GPU
# wants more at once to be busy: eight in fp16 are half of eight gigabytes.
PICTURES_AT_ONCE = 4
GPU_PIXELS_AT_ONCE = 8 * 512 * 512


def scaling(vae: "AutoencoderKL") -> tuple[float, float]:
    """Scaling factor and shift; configs of old VAEs have a shift of None."""
    config = dict(vae.config)
    return float(config["scaling_factor"]), float(config.get("shift_factor") or 0)


@torch.inference_mode()
def encode(vae: "AutoencoderKL", pixels: Tensor, noise: Tensor | None) -> Tensor:
    """Latents of pictures: (n, 3, R, R) in -1..1 -> (n, 4, R/8, R/8), fp32, on the VAE's device.

    noise: N(0, 1) in the latents' shape, which picks the sample of the posterior; None takes its
    mean.
    """
    factor, shift = scaling(vae)
    in_tensor_order(vae)
    means, deviations = [], []
    for part in torch.split(pixels, _at_once(vae, pixels.shape[-1])):
        posterior = vae.encode(part.to(vae.device, vae.dtype)).latent_dist
        means.append(posterior.mean.float())
        deviations.append(posterior.std.float())
    latents = torch.cat(means)
    if noise is not None:
        latents = latents + torch.cat(deviations) * noise.to(latents)
    return (latents - shift) * factor


@torch.inference_mode()
def encode_pair(
    vae: "AutoencoderKL", pixels: Tensor, mask: Tensor, noises: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Latents of the masked faces and of the whole ones, in one call: half as many launches.

    pixels: (n, 3, R, R) in -1..1. mask: (R, R), 1 = keep. noises: for the masked, for the whole
    faces, see encode() -> two of (n, 4, R/8, R/8).
    """
    whole = pixels.to(vae.device)
    both = torch.cat([whole * mask.to(whole), whole])
    masked, reference = encode(vae, both, torch.cat(noises)).chunk(2)
    return masked, reference


@torch.inference_mode()
def decode(vae: "AutoencoderKL", latents: Tensor) -> Tensor:
    """Pictures of latents: (n, 4, h, h) -> (n, 3, 8h, 8h), about -1..1, fp32, not clamped."""
    factor, shift = scaling(vae)
    in_tensor_order(vae)
    whole = (latents / factor + shift).to(vae.device, vae.dtype)
    factor_of_size = 2 ** (len(vae.config["block_out_channels"]) - 1)
    parts = torch.split(whole, _at_once(vae, factor_of_size * whole.shape[-1]))
    return torch.cat([vae.decode(part).sample.float() for part in parts])


def _at_once(vae: "AutoencoderKL", side: int) -> int:
    if vae.device.type != "cuda":
        return PICTURES_AT_ONCE
    return max(PICTURES_AT_ONCE, GPU_PIXELS_AT_ONCE // side**2)
