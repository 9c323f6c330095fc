"""Attention within a frame: pixels to each other and to what the frame hears."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from inference.model.unet.attention import NORM_EPS, Attention, FeedForward
from inference.model.unet.config import UNetConfig
from inference.model.unet.video import fold, unfold


class Heard(NamedTuple):
    """What a pass hears.

    audio: (k f, tokens, audio_width), for the last k items; the others, or all without any, hear
    silence. beside_silence: each item stands for two, one that hears its audio and one that hears
    nothing. They are the same until they first hear, and are computed once until then.
    """

    audio: Tensor | None
    beside_silence: bool = False


class SpatialBlock(nn.Module):
    """Pixels of one frame look at each other, then at what that frame hears."""

    def __init__(self, width: int, config: UNetConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn1 = Attention(width, config.heads)
        self.norm2 = nn.LayerNorm(width)
        self.attn2 = Attention(width, config.heads, config.audio_width)
        self.norm3 = nn.LayerNorm(width)
        self.ff = FeedForward(width)

    def forward(self, x: Tensor, heard: Heard) -> Tensor:
        """x: (b f, pixels, width), (2 b f, pixels, width) once the items part."""
        x = self.hear(x + self.attn1(self.norm1(x)), heard)
        out: Tensor = x + self.ff(self.norm3(x))
        return out

    def hear(self, x: Tensor, heard: Heard) -> Tensor:
        silence = self.attn2.of_silence().to(x.dtype)
        if heard.audio is None:
            return x + silence
        split = len(x) - len(heard.audio)
        voiced = x[split:]
        silent = x if heard.beside_silence and not split else x[:split]
        voiced = voiced + self.attn2(self.norm2(voiced), heard.audio)
        return torch.cat([silent + silence, voiced]) if len(silent) else voiced


class SpatialTransformer(nn.Module):
    def __init__(self, width: int, config: UNetConfig) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(config.groups, width, NORM_EPS)
        self.proj_in = nn.Conv2d(width, width, 1)
        self.transformer_blocks = nn.ModuleList([SpatialBlock(width, config)])
        self.proj_out = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor, heard: Heard) -> Tensor:
        """x: (b, c, f, h, w), kept in shape but for items that part here."""
        pictures = fold(x)
        tokens = self.proj_in(self.norm(pictures)).flatten(2).transpose(1, 2)
        for block in self.transformer_blocks:
            tokens = block(tokens, heard)
        inner = tokens.transpose(1, 2).unflatten(2, pictures.shape[2:])
        return x + unfold(self.proj_out(inner), x.shape[2])
