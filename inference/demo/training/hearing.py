"""The small encoder of Whisper's shape, trained by itself to tell the mouth's opening and width.

The head that reads it is thrown away. It reads twice: a plain mean over the ten rows that a frame
hears (which a cross-attention finds at once), and an attention that may weigh them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from inference.demo.articulation import mouth_curve
from inference.demo.training.loop import Losses, train
from inference.demo.voices import recording
from inference.model.whisper import AudioEncoder, EncoderConfig
from inference.sound.features import HOP, SAMPLE_RATE, frame_windows, log_mel

CONFIG = EncoderConfig(n_mels=80, ctx=1500, width=64, heads=4, layers=2)
STEPS, RATE = 900, 2e-3
BATCH = 4
SHORTEST_SECONDS = 3.0
HELD_OUT_RECORDINGS = 12
QUERIES = 4
OUTPUTS = 2  # opening, width


class Reader(nn.Module):
    """What a frame hears -> (opening, width), said by the mean and by the attention."""

    def __init__(self) -> None:
        super().__init__()
        width = CONFIG.width
        self.mean = nn.Linear(width, OUTPUTS)
        self.queries = nn.Parameter(torch.randn(QUERIES, width) * 0.1)
        self.key, self.value = nn.Linear(width, width), nn.Linear(width, width)
        self.out = nn.Linear(QUERIES * width, OUTPUTS)

    def forward(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """windows: (frames, 10 * states, width) -> two of (frames, 2)."""
        last = windows[:, CONFIG.layers :: CONFIG.states]
        weights = (self.queries @ self.key(windows).transpose(1, 2) / 8).softmax(dim=-1)
        mixed = (weights @ self.value(windows)).flatten(1)
        return self.mean(last.mean(dim=1)), self.out(mixed)


class Listener(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = AudioEncoder(CONFIG)
        self.reader = Reader()

    def forward(self, mels: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Log-mels of up to 30 seconds -> what both readings say of each frame."""
        full = torch.stack(
            [nn.functional.pad(mel, (0, 2 * CONFIG.ctx - mel.shape[1])) for mel in mels]
        )
        states = self.encoder.states(full)
        rows = [state[: mel.shape[1] // 2] for state, mel in zip(states, mels, strict=True)]
        return [self.reader(frame_windows(row)) for row in rows]


def train_all(recordings: list[np.ndarray], folder: Path, seed: int) -> AudioEncoder:
    torch.manual_seed(seed + 2)
    listener = Listener()
    held_out = [recording(seed + i, held_out=True, seconds=10) for i in range(HELD_OUT_RECORDINGS)]

    def compute(step: int, draws: torch.Generator) -> Losses:
        pieces = [_piece(recordings, draws) for _ in range(BATCH)]
        said = listener([mel for mel, _ in pieces])
        by_mean = by_attention = torch.zeros(())
        for (mean, attention), (_, curve) in zip(said, pieces, strict=True):
            by_mean = by_mean + (mean[: len(curve)] - curve).square().mean() / BATCH
            by_attention = by_attention + (attention[: len(curve)] - curve).square().mean() / BATCH
        return {
            "total": by_mean + by_attention,
            "mean": by_mean,
            "attention": by_attention,
        }

    train(
        "encoder",
        listener,
        compute,
        folder=folder,
        steps=STEPS,
        rate=RATE,
        seed=seed + 2,
        decay=0.99,
        watch=lambda _: agreement(listener, held_out),
        watch_every=200,
    )
    print(f"encoder: {agreement(listener, held_out)}", flush=True)
    return listener.encoder.requires_grad_(False).eval()


def _piece(recordings: list[np.ndarray], draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """A stretch of one recording, louder or softer, noisier, and colored as rooms color it."""
    which, length, place, gain, noise, tilt = torch.rand(6, generator=draws).tolist()
    sound = recordings[int(which * len(recordings))]
    seconds = SHORTEST_SECONDS + length * (len(sound) / SAMPLE_RATE - SHORTEST_SECONDS)
    start = int(place * (len(sound) - seconds * SAMPLE_RATE))
    sound = sound[start : start + int(seconds * SAMPLE_RATE) // (2 * HOP) * 2 * HOP]
    curve = torch.from_numpy(mouth_curve(sound)).float()
    hiss = torch.randn(len(sound), generator=draws).numpy() * 10 ** (-5 + 2.5 * noise)
    mel = log_mel((sound * 10 ** (1.2 * gain - 1) + hiss).astype(np.float32))
    slope = torch.linspace(-1, 1, CONFIG.n_mels)[:, None] * (tilt - 0.5) * 0.3
    return mel + slope, curve


@torch.no_grad()
def agreement(listener: Listener, sounds: list[np.ndarray]) -> str:
    """Correlation with the rule's own curves, median over voices that were never trained on."""
    figures = []
    for sound in sounds:
        curve = mouth_curve(sound)
        mean, attention = listener([log_mel(sound)])[0]
        figures.append(
            [
                np.corrcoef(said[: len(curve), i].numpy(), curve[:, i])[0, 1]
                for said in (mean, attention)
                for i in range(OUTPUTS)
            ]
        )
    names = ("mean opening", "mean width", "attention opening", "attention width")
    medians = np.median(figures, axis=0)
    return " ".join(f"{name} {value:.3f}" for name, value in zip(names, medians, strict=True))
