"""A small network that reads the mouth from clean latents: a part of the UNet's loss, not shipped.

The proof does not use it: that reads pictures, with a rule (`meter.py`).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from inference.demo.training.lessons import Lessons
from inference.demo.training.loop import Losses, train

SEEN_ROWS, SEEN_COLUMNS = slice(8, 14), slice(4, 12)
STEPS, RATE = 1200, 2e-3


class MouthReader(nn.Module):
    """Opening and width from clean latents. Frozen, it tells the UNet how far its mouth is off."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(4, 32, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(32, 32, 3, padding=1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(32 * 6 * 8, 2),
        )

    def forward(self, latents: Tensor) -> Tensor:
        """(n, 4, 16, 16) -> (n, 2)."""
        out: Tensor = self.layers(latents[..., SEEN_ROWS, SEEN_COLUMNS])
        return out


def train_reader(lessons: Lessons, folder: Path, seed: int) -> MouthReader:
    torch.manual_seed(seed + 3)
    reader = MouthReader()
    latents, targets = lessons.latents.flatten(0, 2), lessons.targets.flatten(0, 2)

    def compute(step: int, draws: torch.Generator) -> Losses:
        chosen = torch.randint(len(latents), (128,), generator=draws)
        return {"total": (reader(latents[chosen]) - targets[chosen]).square().mean()}

    train(
        "reader",
        reader,
        compute,
        folder=folder,
        steps=STEPS,
        rate=RATE,
        seed=seed,
        decay=0.99,
    )
    return reader.requires_grad_(False).eval()
