"""From file to file on a card: the way LatentSync goes, and ours."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from benchmarks.card import Card
from benchmarks.engine_cpu import PRESET
from benchmarks.measuring import Spent
from benchmarks.reference_way import Baseline
from inference.faces import make_finder
from inference.model import vae
from inference.model.checkpoint import Model
from inference.model.diffusion import conditions, scheduler, shared_noise
from inference.model.latentsync import LatentSync
from inference.model.mask import latent_mask
from inference.model.networks import Request
from inference.options import SyncOptions
from inference.pipeline.lipsync import sync
from inference.sound.features import speech_features, windows_at
from inference.stopwatch import Stopwatch

GUIDANCE = 1.5


class Reference:
    """The network the way LatentSync runs it: eager, in plain order of memory, each half of the
    guided pair in full, masked and whole faces encoded one after the other."""

    def __init__(self, model: Model, rows: Tensor, steps: int) -> None:
        self.model, self.rows, self.steps = model, rows, steps

    @torch.inference_mode()
    def __call__(self, faces: Tensor, first: int) -> Tensor:
        model = self.model
        pixels = (faces.float() / 255 - 0.5) / 0.5
        masked, whole = (self._encoded(each) for each in (pixels * model.mask, pixels))
        side = model.resolution // 8
        shown = conditions(latent_mask(model.mask, side), masked, whole)
        heard = windows_at(self.rows, [Fraction(first + i, 25) for i in range(len(faces))])
        audio = torch.cat([torch.zeros_like(heard), heard]).to(model.device, model.dtype)
        latents = shared_noise(1247, side).to(model.device).expand(-1, -1, len(faces), -1, -1)
        ddim = scheduler(self.steps)
        for timestep in ddim.timesteps.tolist():
            sample = torch.cat([latents.to(shown), shown], dim=1).expand(2, -1, -1, -1, -1)
            silent, voiced = model.unet(sample, timestep, audio).float().chunk(2)
            led = silent + GUIDANCE * (voiced - silent)
            latents = ddim.step(led, timestep, latents, return_dict=False)[0]
        decoded = (latents[0].transpose(0, 1) / vae.OFFICIAL_SCALING).to(model.dtype)
        model.vae.decode(decoded).sample.float().cpu()
        # Random numbers paint no face: what they cost is spent, and the source's own go on.
        return pixels

    def _encoded(self, pixels: Tensor) -> Tensor:
        given = pixels.to(self.model.device, self.model.dtype)
        found = self.model.vae.encode(given).latent_dist
        return found.sample() * vae.OFFICIAL_SCALING


class Ours(LatentSync):
    """The product's network, which gives the source's faces on after computing."""

    def paint(self, request: Request, watch: Stopwatch, *, precise: bool = False) -> Tensor:
        super().paint(request, watch)
        return torch.from_numpy(request.faces).permute(0, 3, 1, 2).float() / 127.5 - 1


@dataclass
class Film:
    """A film and its sound. seconds: as long as both are."""

    video: Path
    voice: Path
    seconds: float


@dataclass
class Whole:
    """From file to file. wall: seconds. stages: seconds of each, which overlap in ours."""

    wall: float
    frames: int
    peak_gib: float
    stages: dict[str, float] = field(default_factory=dict)


def their_way(card: Card, model: Model, film: Film, folder: Path, steps: int) -> Whole:
    card.forget_peak()
    spent = Spent()
    with spent.measured():
        rows = speech_features(_samples(film.voice), model.encoder)
        reference = Reference(model, rows, steps)
        baseline = Baseline(
            folder, make_finder("builtin"), model.resolution, model.mask, PRESET, reference
        )
        _, frames = baseline.run(film.video)
    stages = {name: each.wall for name, each in baseline.stages.items()}
    stages["encoders"] = baseline.encoders.wall
    return Whole(spent.wall, frames, card.peak_gib(), stages)


def our_way(card: Card, model: Model, film: Film, folder: Path, steps: int) -> Whole:
    card.forget_peak()
    spent = Spent()
    options = SyncOptions(steps=steps, guidance=GUIDANCE, device=str(card.device))
    with spent.measured():
        result = sync(
            film.video,
            film.voice,
            folder / "ours.mp4",
            model=Ours(model),
            options=options,
            workdir=folder,
        )
    return Whole(spent.wall, result.frames, card.peak_gib(), dict(result.stage_seconds))


def _samples(path: Path) -> npt.NDArray[np.float32]:
    with av.open(str(path)) as source:
        found = [frame.to_ndarray()[0] for frame in source.decode(audio=0)]
    return np.concatenate(found).astype(np.float32) / np.float32(32768)


@dataclass(frozen=True)
class Pace:
    """What a video takes: start + each second of it times `second`."""

    start: float
    second: float

    @classmethod
    def of(cls, short: Whole, long: Whole, short_seconds: float, long_seconds: float) -> "Pace":
        second = max(1e-6, (long.wall - short.wall) / (long_seconds - short_seconds))
        return cls(max(0.0, short.wall - second * short_seconds), second)

    def takes(self, length: float) -> float:
        return self.start + self.second * length

    def longest(self, seconds: float) -> float:
        """The longest video that is made within so many seconds."""
        return max(0.0, (seconds - self.start) / self.second)
