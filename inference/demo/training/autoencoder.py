"""The small AutoencoderKL: 128 px to 16 x 16 x 4 and back.

It starts as a linear thumbnail (colors carried straight through), which a few minutes of training
can sharpen; from a random start the same minutes give 3 dB less.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from inference.demo.films import RESOLUTION
from inference.demo.training.loop import Losses, train
from inference.demo.training.material import Material

CONFIG: dict[str, object] = {
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "block_out_channels": [16, 32, 64, 96],
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "mid_block_add_attention": False,
    "sample_size": RESOLUTION,
    "scaling_factor": 0.18215,
}
SCALING = 0.18215
STEPS, RATE = 1350, 2.5e-3
DECODER_STEPS, DECODER_RATE = 700, 1.5e-3
BATCH, CROP = 7, 96
MASKED_SHARE, TEXTURE_SHARE = 0.3, 0.25
LATENT_NOISE = 0.07
CARRIED = 8  # channels of the linear start: +R +G +B +1 and the same negated
NARROW_LOG_VARIANCE = -8.0  # sampling the posterior is as good as its mean


def build() -> AutoencoderKL:
    return AutoencoderKL(**CONFIG).to(memory_format=torch.channels_last)  # a fifth faster


@torch.no_grad()
def start_linear(vae: AutoencoderKL) -> None:
    """Make the fresh network carry the colors of each 8 x 8 patch straight through."""
    for part in vae.modules():
        if hasattr(part, "conv_shortcut") and hasattr(part, "conv2"):
            _carry_past(part)
    for block in vae.encoder.down_blocks:
        for down in block.downsamplers or []:
            _spread(down.conv.weight, torch.tensor([[1.0, 1, 0], [1, 1, 0], [0, 0, 0]]) / 4)
            down.conv.bias[:CARRIED] = 0
    smooth = torch.tensor([1.0, 2, 1])
    for block in vae.decoder.up_blocks:
        for up in block.upsamplers or []:
            _spread(up.conv.weight, torch.outer(smooth, smooth) / 16)
            up.conv.bias[:CARRIED] = 0
    for conv in (vae.encoder.conv_in, vae.decoder.conv_in):
        _split_signs(conv)
    _join_signs(vae.encoder.conv_out, 1.0)
    _join_signs(vae.decoder.conv_out, 0.6)
    for conv in (vae.quant_conv, vae.post_quant_conv):
        conv.weight.copy_(torch.eye(conv.weight.shape[0])[:, :, None, None])
        conv.bias.zero_()


def _carry_past(resnet: Any) -> None:
    """The carried channels go round the resnet's convolutions, through its shortcut."""
    second, shortcut = resnet.conv2, resnet.conv_shortcut
    second.weight *= 0.3
    second.weight[:CARRIED] = 0
    second.bias[:CARRIED] = 0
    if shortcut is not None:
        shortcut.weight[:CARRIED] = 0
        shortcut.bias[:CARRIED] = 0
        for i in range(CARRIED):
            shortcut.weight[i, i] = 1


def _spread(weight: Tensor, kernel: Tensor) -> None:
    weight[:CARRIED] = 0
    for i in range(CARRIED):
        weight[i, i] = kernel


def _split_signs(conv: Any) -> None:
    """Three colors and a constant, and the same with the other sign, in the first channels."""
    conv.weight[:CARRIED] = 0
    conv.bias[:CARRIED] = 0
    for half, sign in ((0, 1.0), (CARRIED // 2, -1.0)):
        for color in range(3):
            conv.weight[half + color, color, 1, 1] = sign
        conv.bias[half + 3] = sign


def _join_signs(conv: Any, size: float) -> None:
    """silu(c) - silu(-c) = c, for each of the three colors."""
    conv.weight *= 0.3
    conv.weight[:3] = 0
    conv.bias[:3] = 0
    for color in range(3):
        conv.weight[color, color, 1, 1] = size
        conv.weight[color, CARRIED // 2 + color, 1, 1] = -size


def to_pixels(pictures: np.ndarray) -> Tensor:
    """(..., h, w, 3) uint8 -> (..., 3, h, w), -1 to 1."""
    return torch.from_numpy(np.array(pictures)).movedim(-1, -3).float() / 127.5 - 1


class Crops:
    """Random pieces of drawn faces (some of them masked as inference masks them) and textures."""

    def __init__(self, material: Material, mask: Tensor) -> None:
        self._material = material
        self._mask = mask

    def batch(self, draws: torch.Generator, masked_share: float = MASKED_SHARE) -> Tensor:
        pieces = torch.stack([self._one(draws, masked_share) for _ in range(BATCH)])
        return pieces.contiguous(memory_format=torch.channels_last)

    def _one(self, draws: torch.Generator, masked_share: float) -> Tensor:
        kind, masked, *place = torch.rand(4, generator=draws).tolist()
        top, left = (int(p * (RESOLUTION - CROP + 1)) for p in place)
        if kind < TEXTURE_SHARE:
            picture = to_pixels(self._material.textures[_index(draws, self._material.textures, 1)])
        else:
            picture = to_pixels(self._material.pictures[_index(draws, self._material.pictures, 3)])
            if masked < masked_share:
                picture = picture * self._mask
        return picture[:, top : top + CROP, left : left + CROP]


def _index(draws: torch.Generator, store: np.ndarray, axes: int) -> tuple[int, ...]:
    return tuple(int(torch.randint(size, (1,), generator=draws)) for size in store.shape[:axes])


def reconstruction_loss(out: Tensor, wanted: Tensor) -> Losses:
    error = out - wanted
    edges = (error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()) / 2
    total = error.abs().mean() + error.square().mean() + 0.5 * edges
    return {
        "total": total,
        "psnr": 10 * torch.log10(4 / error.square().mean().detach()),
    }


def train_all(material: Material, mask: Tensor, folder: Path, seed: int) -> AutoencoderKL:
    """Encoder and decoder together, then the latents brought to mean 0 and the standard size."""
    torch.manual_seed(seed)
    vae = build()
    start_linear(vae)
    crops = Crops(material, mask)

    def compute(step: int, draws: torch.Generator) -> Losses:
        wanted = crops.batch(draws)
        latent = vae.encode(wanted).latent_dist.mean
        size = latent.detach().std(dim=(0, 2, 3), keepdim=True)
        noise = torch.randn(latent.shape, generator=draws) * LATENT_NOISE * size
        losses = dict(reconstruction_loss(vae.decode(latent + noise).sample, wanted))
        losses["total"] = losses["total"] + 1e-4 * latent.square().mean()
        return losses

    train(
        "autoencoder",
        vae,
        compute,
        folder=folder,
        steps=STEPS,
        rate=RATE,
        seed=seed,
        decay=0.99,
    )
    whiten(vae, to_pixels(material.pictures[::9, ::5, 0]).flatten(0, 1))
    return vae.requires_grad_(False).eval()


@torch.no_grad()
def whiten(vae: AutoencoderKL, pictures: Tensor) -> None:
    """Fold each latent channel's mean and size into the 1 x 1 convolutions at its ends.

    Afterwards latents x 0.18215 have mean 0 and standard deviation 1, and a posterior so narrow
    that a sample of it is its mean.
    """
    latents = vae.encode(pictures).latent_dist.mean
    mean = latents.mean(dim=(0, 2, 3))
    size = latents.std(dim=(0, 2, 3)) * SCALING
    out, back = vae.quant_conv, vae.post_quant_conv
    channels = len(mean)
    out.weight[:channels] /= size[:, None, None, None]
    out.bias[:channels] = (out.bias[:channels] - mean) / size
    out.weight[channels:] = 0
    out.bias[channels:] = NARROW_LOG_VARIANCE
    back.bias += back.weight[:, :, 0, 0] @ mean
    back.weight *= size[None, :, None, None]


def sharpen_decoder(
    vae: AutoencoderKL, material: Material, mask: Tensor, folder: Path, seed: int
) -> None:
    """Train the decoder alone: the latents, and so everything trained on them, stay as they are."""
    trained = nn.ModuleList([vae.decoder, vae.post_quant_conv]).requires_grad_(True)
    crops = Crops(material, mask)

    def compute(step: int, draws: torch.Generator) -> Losses:
        wanted = crops.batch(draws, masked_share=0.05)
        with torch.no_grad():
            latent = vae.encode(wanted).latent_dist.mean
        noise = torch.randn(latent.shape, generator=draws) * LATENT_NOISE / SCALING
        return reconstruction_loss(vae.decode(latent + noise).sample, wanted)

    train(
        "decoder",
        trained,
        compute,
        folder=folder,
        steps=DECODER_STEPS,
        rate=DECODER_RATE,
        seed=seed + 1,
        decay=0.99,
    )
    vae.requires_grad_(False).eval()
