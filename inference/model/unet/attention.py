"""Attention over tokens and what follows it, as both transformers use them."""

import torch.nn.functional as F
from torch import Tensor, nn

NORM_EPS = 1e-6  # of the transformers' own norm
FEED_FORWARD_WIDENING = 4


class Attention(nn.Module):
    """Heads share the width; no biases but the output's."""

    def __init__(self, width: int, heads: int, context_width: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context_width or width, width, bias=False)
        self.to_v = nn.Linear(context_width or width, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """x: (n, tokens, width); context: (n, tokens', context width), x itself without one."""
        context = x if context is None else context
        q, k, v = (
            projected.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projected in (self.to_q(x), self.to_k(context), self.to_v(context))
        )
        mixed = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.to_out[0](mixed.transpose(1, 2).flatten(2))
        return out

    def of_silence(self) -> Tensor:
        """What a context of zeros gives at every token: zero values leave the output's bias."""
        return self.to_out[0].get_parameter("bias")


class GatedLinear(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 2 * inner)

    def forward(self, x: Tensor) -> Tensor:
        projected: Tensor = self.proj(x)
        value, gate = projected.chunk(2, dim=-1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        inner = FEED_FORWARD_WIDENING * width
        # The middle one is the dropout of the original, at 0: it keeps the official numbering.
        self.net = nn.Sequential(GatedLinear(width, inner), nn.Identity(), nn.Linear(inner, width))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x)
        return out
