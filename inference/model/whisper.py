"""Whisper's audio encoder, as LatentSync listens with it: the states between the blocks are kept.

Key names and shapes are those of OpenAI's tiny.pt without the prefix `encoder.`.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOWEST_RATE = 1e-4  # radians a row; the fastest is 1


@dataclass(frozen=True)
class EncoderConfig:
    """n_mels: mel bands heard. ctx: rows of a full 30-second piece (two mel frames each)."""

    n_mels: int = 80
    ctx: int = 1500
    width: int = 384
    heads: int = 6
    layers: int = 4

    @property
    def states(self) -> int:
        """How many states a row of sound has: the first block's input and every block's output."""
        return self.layers + 1

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> "EncoderConfig":
        return cls(**given)

    def to_mapping(self) -> dict[str, Any]:
        return asdict(self)


def position_table(rows: int, width: int) -> Tensor:
    """Sines in the left half, cosines in the right: (rows, width)."""
    step = math.log(SLOWEST_RATE) / (width // 2 - 1)
    rates = torch.exp(step * torch.arange(width // 2))
    angles = torch.arange(rows)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class SelfAttention(nn.Module):
    """Every row looks at every other; the key projection has no bias, as in the original."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """x: (b, rows, width), kept in shape."""
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        mixed = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out


class Block(nn.Module):
    """Attention, then a perceptron four times as wide, each normalized before and added after."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = SelfAttention(width, heads)
        self.attn_ln = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.mlp_ln = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.attn_ln(x))
        out: Tensor = x + self.mlp(self.mlp_ln(x))
        return out


class AudioEncoder(nn.Module):
    """Log-mel in, states out. `ln_post` is stored and never used: LatentSync taps before it."""

    def __init__(self, config: EncoderConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or EncoderConfig()
        self.conv1 = nn.Conv1d(config.n_mels, config.width, 3, padding=1)
        self.conv2 = nn.Conv1d(config.width, config.width, 3, stride=2, padding=1)
        self.positional_embedding: Tensor
        self.register_buffer("positional_embedding", position_table(config.ctx, config.width))
        self.blocks = nn.ModuleList(Block(config.width, config.heads) for _ in range(config.layers))
        self.ln_post = nn.LayerNorm(config.width)

    def states(self, mel: Tensor) -> Tensor:
        """The first block's input and each block's output, for every row.

        mel: (b, n_mels, n), n even and at most 2 ctx -> (b, n // 2, layers + 1, width).
        """
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)
        x = x + self.positional_embedding[: x.shape[1]].to(x.dtype)
        kept = [x]
        for block in self.blocks:
            kept.append(block(kept[-1]))
        return torch.stack(kept, dim=2)

    def forward(self, mel: Tensor) -> Tensor:
        return self.states(mel)
