"""Attention over time: each pixel to itself in the window's other frames."""

import math

import torch
from torch import Tensor, nn

from inference.model.unet.attention import NORM_EPS, Attention, FeedForward
from inference.model.unet.config import UNetConfig
from inference.model.unet.video import fold

GROUPS = 32


def frame_table(rows: int, width: int) -> Tensor:
    """Sines at even channels, cosines at odd ones: (1, rows, width)."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = torch.arange(rows)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[None]


class FramePositions(nn.Module):
    """A stored table, part of the official state dict."""

    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.pe: Tensor
        self.register_buffer("pe", frame_table(rows, width))

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, f, width), kept in shape."""
        return x + self.pe[:, : x.shape[1]].to(x.dtype)


class FrameAttention(Attention):
    """The same pixel of all frames of the window, told apart by their places in it."""

    def __init__(self, width: int, config: UNetConfig) -> None:
        super().__init__(width, config.motion_heads)
        self.pos_encoder = FramePositions(config.position_rows, width)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return super().forward(self.pos_encoder(x), context)


class TemporalBlock(nn.Module):
    def __init__(self, width: int, config: UNetConfig) -> None:
        super().__init__()
        self.attention_blocks = nn.ModuleList(FrameAttention(width, config) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.ff = FeedForward(width)
        self.ff_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """x: (b pixels, f, width), kept in shape."""
        for norm, attention in zip(self.norms, self.attention_blocks, strict=True):
            x = x + attention(norm(x))
        out: Tensor = x + self.ff(self.ff_norm(x))
        return out


class TemporalTransformer(nn.Module):
    def __init__(self, width: int, config: UNetConfig) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width, NORM_EPS)
        self.proj_in = nn.Linear(width, width)
        self.transformer_blocks = nn.ModuleList([TemporalBlock(width, config)])
        self.proj_out = nn.Linear(width, width)
        # A motion module that was never trained changes nothing.
        nn.init.zeros_(self.proj_out.weight)
        nn.init.zeros_(self.proj_out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x: (b, c, f, h, w), kept in shape."""
        batch, _, frames, height, width = x.shape
        normed = self.norm(fold(x)).unflatten(0, (batch, frames))
        tokens = self.proj_in(normed.permute(0, 3, 4, 1, 2).flatten(0, 2))
        for block in self.transformer_blocks:
            tokens = block(tokens)
        inner: Tensor = self.proj_out(tokens).unflatten(0, (batch, height, width))
        return x + inner.permute(0, 4, 3, 1, 2)


class MotionModule(nn.Module):
    def __init__(self, width: int, config: UNetConfig) -> None:
        super().__init__()
        self.temporal_transformer = TemporalTransformer(width, config)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.temporal_transformer(x)
        return out
