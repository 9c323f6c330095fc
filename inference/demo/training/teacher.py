"""Draws the UNet's lessons and says how far its prediction is off.

A training pair is what inference sees: the target is one picture of a frame, masked and reference
latents come from another picture of the same frame with an independent mouth.
"""

from __future__ import annotations

import torch
from diffusers import DDIMScheduler
from torch import Tensor

from inference.demo.training.lessons import Lessons
from inference.demo.training.loop import Losses
from inference.demo.training.material import CLIP_FRAMES, MOUTHS
from inference.demo.training.reader import MouthReader
from inference.model.unet.config import NOISE_SCHEDULE
from inference.model.unet.network import VideoUNet

MOUTH_ROWS, MOUTH_COLUMNS = slice(8, 13), slice(5, 11)
KEPT_WEIGHT, COLOR_WEIGHT, READER_WEIGHT = 0.1, 2.0, 0.15
MOUTH_WEIGHT, EVEN_MOUTH_WEIGHT = 4.0, 1.5  # stages A and B, stage C
SILENT_SHARE = 0.1
LEAST_OWN_NOISE = 0.25


class Teacher:
    """Draws windows and says how far a prediction is off, in units of the clean latent."""

    def __init__(self, unet: VideoUNet, reader: MouthReader, lessons: Lessons) -> None:
        self.unet, self.reader, self.lessons = unet, reader, lessons
        self.alphas = noise_schedule().alphas_cumprod
        weight = torch.where(lessons.mask < 0.5, 1.0, KEPT_WEIGHT)
        self.even = weight.clone()
        self.set_mouth_weight(MOUTH_WEIGHT)
        self.repainted = (lessons.mask < 0.5).float()
        self.spread = lessons.targets.flatten(0, 2).var(dim=0)

    def set_mouth_weight(self, share: float) -> None:
        weight = self.even.clone()
        weight[MOUTH_ROWS, MOUTH_COLUMNS] *= share
        self.weight = weight / weight.mean()

    def losses(self, draws: torch.Generator, windows: int, frames: int) -> Losses:
        target, reference, masked, audio, articulation = self._windows(draws, windows, frames)
        time = _times(draws, windows)
        noise = _noise(draws, target.shape)
        alpha = self.alphas[time][:, None, None, None, None]
        noisy = alpha.sqrt() * target + (1 - alpha).sqrt() * noise
        mask = self.lessons.mask.expand(windows, 1, frames, -1, -1)
        said = self.unet(torch.cat([noisy, mask, masked, reference], dim=1), time, audio)
        clean = (noisy - (1 - alpha).sqrt() * said) / alpha.sqrt()
        scale = ((1 - alpha) / alpha).clamp(0.1, 60) * alpha / (1 - alpha)
        error = (clean - target) * scale.sqrt()
        return self._weigh(error, clean, articulation, time)

    def _weigh(self, error: Tensor, clean: Tensor, articulation: Tensor, time: Tensor) -> Losses:
        picture = (error.square() * self.weight).mean()
        shift = (error * self.weight * self.repainted).sum(dim=(-1, -2)) / self.repainted.sum()
        color = shift.square().mean()
        seen = self.reader(clean.transpose(1, 2).flatten(0, 1))
        off = ((seen - articulation.flatten(0, 1)).square() / self.spread).clamp(max=4)
        asked = (time > 250).float().repeat_interleave(clean.shape[2])[:, None]
        mouth = (off * asked).sum() / (asked.sum() * 2).clamp(min=1)
        total = picture + COLOR_WEIGHT * color + READER_WEIGHT * mouth
        return {"total": total, "picture": picture, "color": color, "mouth": mouth}

    def _windows(self, draws: torch.Generator, windows: int, frames: int) -> tuple[Tensor, ...]:
        """Target, reference and masked latents, (b, 4, f, h, w) each; what is heard, (b f, tokens,
        width); what the mouth does, (b, f, 2)."""
        lessons = self.lessons
        clip = torch.randint(len(lessons.latents), (windows, 1), generator=draws)
        if frames == CLIP_FRAMES:
            frame = torch.arange(CLIP_FRAMES).expand(windows, -1)
        else:
            order = torch.rand(windows, CLIP_FRAMES, generator=draws).argsort(dim=1)
            frame = order[:, :frames]
        spoken = torch.randint(MOUTHS, (windows, 1), generator=draws)
        other = (spoken + torch.randint(1, MOUTHS, (windows, 1), generator=draws)) % MOUTHS
        audio = lessons.audio[clip, frame, spoken]
        heard = torch.rand(windows, 1, 1, 1, generator=draws) >= SILENT_SHARE
        return (
            lessons.latents[clip, frame, spoken].transpose(1, 2),
            lessons.latents[clip, frame, other].transpose(1, 2),
            lessons.masked[clip, frame].transpose(1, 2),
            (audio * heard).flatten(0, 1),
            lessons.targets[clip, frame, spoken],
        )


def noise_schedule() -> DDIMScheduler:
    return DDIMScheduler(
        **NOISE_SCHEDULE,
        steps_offset=1,
        set_alpha_to_one=False,
        clip_sample=False,
    )


def _times(draws: torch.Generator, windows: int) -> Tensor:
    """Half of them anywhere, half of them where the mouth is decided."""
    low = torch.where(torch.rand(windows, generator=draws) < 0.5, 0, 400)
    return (low + torch.rand(windows, generator=draws) * (990 - low)).long()


def _noise(draws: torch.Generator, shape: torch.Size) -> Tensor:
    """Partly shared by the frames of a window, as inference shares it, but never wholly.

    Between frames with the same noise the difference is the movement itself, however small: a
    network with motion modules would read it there and not listen.
    """
    windows, channels, _, *sides = shape
    own = torch.rand(windows, 1, 1, 1, 1, generator=draws).square()
    own = LEAST_OWN_NOISE + (1 - LEAST_OWN_NOISE) * own
    shared = torch.randn(windows, channels, 1, *sides, generator=draws)
    apart = torch.randn(shape, generator=draws)
    return (1 - own.square()).sqrt() * shared + own * apart
