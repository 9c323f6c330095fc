"""How far speed="fast" leads from the exact result, and what it saves.

    bin/run python -m benchmarks.engine_fast [--bundle DIR] [--frames 16] [--json FILE]

The sample's face and voice through a model (default: the demo model), once exactly and then by each
pair of steps and whole passes. The difference is that of the repainted pixels, in levels of 255;
beside it stands what 50 exact steps in place of 20 change, which nobody calls an error.
About a minute on two cores.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from torch import Tensor

from benchmarks import footage
from benchmarks.measuring import Report, cpu_seconds, finish, parser
from inference.faces import make_finder
from inference.model import fast
from inference.model.checkpoint import DEMO_BUNDLE, Model, load_bundle
from inference.model.device import choose_device
from inference.model.latentsync import LatentSync
from inference.model.networks import Request
from inference.options import SyncOptions
from inference.picture.align import Aligner, Image
from inference.sound.features import speech_features, windows_at
from inference.stopwatch import Stopwatch

SAMPLE_VOICE = footage.SAMPLE_FACE.with_name("voice.wav")
EXACT_STEPS, MORE_STEPS = 20, 50
# Steps, and steps from one whole pass of the network to the next (1 = no pass is spared).
WAYS = ((20, 1), (20, 2), (20, 3), (10, 1), (10, 2), (10, 3), (6, 1))
FIRST_SECOND = Fraction(1)  # of the sample, where the mouth is open


@dataclass(frozen=True)
class Scene:
    """Aligned faces, (f, R, R, 3), and what they hear."""

    faces: Image
    heard: Tensor


def scene(model: Model, frames: int) -> Scene:
    aligner, finder = Aligner(model.resolution), make_finder(model.finder, model.files)
    found: list[Image] = []
    with av.open(str(footage.SAMPLE_FACE)) as film:
        for frame in film.decode(video=0):
            if frame.time >= FIRST_SECOND and len(found) < frames:
                rgb = frame.to_ndarray(format="rgb24")
                found.append(aligner.warp(rgb, aligner.matrix(finder.find_all(rgb)[0].points3)))
    rows = speech_features(_voice(), model.encoder)
    seconds = [FIRST_SECOND + Fraction(number, 25) for number in range(len(found))]
    return Scene(np.stack(found), windows_at(rows, seconds))


def _voice() -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16000)
    parts = []
    with av.open(str(SAMPLE_VOICE)) as source:
        for frame in source.decode(audio=0):
            parts += [each.to_ndarray()[0] for each in resampler.resample(frame)]
    return np.concatenate(parts).astype(np.float32) / np.float32(32768)


def painted(network: LatentSync, given: Scene, options: SyncOptions) -> tuple[Tensor, float]:
    """Faces in levels, and CPU seconds."""
    request = Request(given.faces, range(len(given.faces)), given.heard, options)
    before = cpu_seconds()
    faces = network.paint(request, Stopwatch())
    return (faces.clamp(-1, 1) + 1) * 127.5, cpu_seconds() - before


def measure(model: Model, frames: int, ways: Sequence[tuple[int, int]] = WAYS) -> Report:
    report = Report(f"speed=fast beside the exact {EXACT_STEPS} steps, {model.label}")
    network, given = LatentSync(model), scene(model, frames)
    mouth = model.mask < 0.5
    exactly = SyncOptions(steps=EXACT_STEPS)
    exact, spent = painted(network, given, exactly)
    more, _ = painted(network, given, replace(exactly, steps=MORE_STEPS))
    source = torch.from_numpy(given.faces).permute(0, 3, 1, 2).float()

    def away(other: Tensor) -> float:
        return float((exact - other).abs()[..., mouth].mean())

    report.add("exact against its source", away(source), "levels: what the network changes")
    report.add(f"exact, {MORE_STEPS} steps", away(more), "levels")
    before = fast.WHOLE_EVERY
    try:
        for steps, whole_every in ways:
            fast.WHOLE_EVERY = whole_every
            start = time.perf_counter()
            faces, cpu = painted(network, given, replace(exactly, steps=steps, speed="fast"))
            remark = (
                f"levels; {spent / cpu:.2f} times as fast ({time.perf_counter() - start:.1f} s)"
            )
            report.add(f"{steps} steps, whole every {whole_every}", away(faces), remark)
    finally:
        fast.WHOLE_EVERY = before
    return report


def main(arguments: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("--bundle", type=Path, default=DEMO_BUNDLE)
    made.add_argument("--device", default="auto")
    made.add_argument("--frames", type=int, default=16)
    given = made.parse_args(arguments)
    model = load_bundle(given.bundle, choose_device(given.device))
    return finish(measure(model, given.frames), given)


if __name__ == "__main__":
    sys.exit(main())
