"""Convolutions that know how noisy the window is."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inference.model.unet.config import UNetConfig
from inference.model.unet.video import VideoConv, VideoGroupNorm


def time_sinusoid(timestep: Tensor, width: int) -> Tensor:
    """(b,) -> (b, width) in fp32, cosines first."""
    half = width // 2
    exponents = torch.arange(half, dtype=torch.float32, device=timestep.device) / half
    angles = timestep[:, None].float() * torch.exp(-math.log(10_000.0) * exponents)
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class TimeEmbedding(nn.Module):
    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.width = config.widths[0]
        self.linear_1 = nn.Linear(self.width, config.time_width)
        self.linear_2 = nn.Linear(config.time_width, config.time_width)

    def forward(self, timestep: Tensor) -> Tensor:
        """(b,) -> (b, time_width)."""
        wave = time_sinusoid(timestep, self.width).to(self.linear_1.weight.dtype)
        embedding: Tensor = self.linear_2(F.silu(self.linear_1(wave)))
        return embedding


class Resnet(nn.Module):
    def __init__(self, width_in: int, width: int, config: UNetConfig) -> None:
        super().__init__()
        self.norm1 = VideoGroupNorm(config.groups, width_in, config.norm_eps)
        self.conv1 = VideoConv(width_in, width, 3, padding=1)
        self.time_emb_proj = nn.Linear(config.time_width, width)
        self.norm2 = VideoGroupNorm(config.groups, width, config.norm_eps)
        self.conv2 = VideoConv(width, width, 3, padding=1)
        if width_in != width:
            self.conv_shortcut = VideoConv(width_in, width, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """x: (b, width_in, f, h, w); time: (b, time_width) -> (b, width, f, h, w)."""
        inner = self.conv1(F.silu(self.norm1(x)))
        inner = inner + self.time_emb_proj(F.silu(time))[:, :, None, None, None]
        inner = self.conv2(F.silu(self.norm2(inner)))
        shortcut = self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x
        out: Tensor = shortcut + inner
        return out
