"""Networks with random numbers, of the official size or of a tiny one, without any checkpoint."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor, nn

from inference.model.checkpoint import Model
from inference.model.mask import draw_mask
from inference.model.unet.config import UNetConfig
from inference.model.unet.motion import FramePositions, frame_table
from inference.model.unet.network import VideoUNet
from inference.model.vae import OFFICIAL_SCALING
from inference.model.whisper import AudioEncoder, EncoderConfig, position_table


def vae_config(widths: tuple[int, ...], layers: int, groups: int) -> dict[str, Any]:
    return {
        "down_block_types": ["DownEncoderBlock2D"] * len(widths),
        "up_block_types": ["UpDecoderBlock2D"] * len(widths),
        "block_out_channels": list(widths),
        "layers_per_block": layers,
        "latent_channels": 4,
        "norm_num_groups": groups,
        "scaling_factor": OFFICIAL_SCALING,
    }


@dataclass(frozen=True)
class Sizes:
    """Of the three networks."""

    unet: UNetConfig = field(default_factory=UNetConfig)
    vae: Mapping[str, Any] = field(
        default_factory=lambda: vae_config((128, 256, 512, 512), layers=2, groups=32)
    )
    encoder: EncoderConfig = field(default_factory=EncoderConfig)


OFFICIAL = Sizes()
TINY = Sizes(
    unet=UNetConfig(
        widths=(32, 32),
        layers_per_block=1,
        attention_levels=(False, True),
        heads=2,
        groups=8,
        audio_width=16,
        motion_heads=2,
    ),
    vae=vae_config((8, 8, 8, 8), layers=1, groups=4),
    encoder=EncoderConfig(width=16, heads=2, layers=1),
)


def random_model(sizes: Sizes, resolution: int, device: torch.device, dtype: torch.dtype) -> Model:
    """A whole model whose numbers are random, made where they will be used: no copy on the way."""
    with torch.device("meta"):
        unet, encoder = VideoUNet(sizes.unet), AudioEncoder(sizes.encoder)
        vae: AutoencoderKL = AutoencoderKL.from_config(dict(sizes.vae))
    for network in (unet, vae, encoder):
        fill(network, device, dtype)
    return Model(
        unet=unet,
        vae=vae,
        encoder=encoder,
        mask=draw_mask(resolution),
        resolution=resolution,
        finder="builtin",
        manifest={"name": "random", "label": "random numbers", "version": "0", "demo": True},
        device=device,
        dtype=dtype,
    )


def fill(network: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
    """Numbers that neither die nor explode on their way through: the scale hangs on the fan-in."""
    # Not diffusers' own to_empty() and to(), which warn about something that is not so here.
    nn.Module.to(nn.Module.to_empty(network, device=device), dtype=dtype)
    generator = torch.Generator(device).manual_seed(0)
    for name, weight in network.named_parameters():
        weight.requires_grad_(False)
        if weight.ndim < 2:
            weight.fill_(0.0 if name.endswith("bias") else 1.0)
        else:
            weight.normal_(std=1 / math.sqrt(weight[0].numel()), generator=generator)
    for part in network.modules():
        if isinstance(part, FramePositions):
            part.pe.copy_(frame_table(*part.pe.shape[1:]))
        if isinstance(part, AudioEncoder):
            part.positional_embedding.copy_(position_table(*part.positional_embedding.shape))
    network.eval()


def window(model: Model, frames: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    """A pass's input without noise's part in it, (1, in_channels, f, h, h), and what it hears."""
    generator = torch.Generator().manual_seed(seed)
    side, config = model.resolution // 8, model.unet.config
    sample = torch.randn(1, config.in_channels, frames, side, side, generator=generator)
    rows = 10 * model.encoder.config.states
    audio = torch.randn(frames, rows, config.audio_width, generator=generator)
    return sample.to(model.device, model.dtype), audio.to(model.device, model.dtype)
