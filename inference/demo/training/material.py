"""What is trained on: recordings, the mouths they ask for, films of drawn faces, loose textures."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from inference.demo.articulation import mouth_curve
from inference.demo.films import RESOLUTION, film
from inference.demo.voices import recording

RECORDINGS = 240
RECORDING_SECONDS = 20.0
CLIPS = 560
CLIP_FRAMES = 16
MOUTHS = 3
TEXTURES = 1200
PROCESSES = 2
FULL_SCALE = 32767


@dataclass(frozen=True)
class Material:
    """pictures: (clips, frames, mouths, 128, 128, 3) uint8. voice, start: (clips, mouths), whose
    recording each mouth follows and from which of its frames on. curves: one for a recording."""

    recordings: list[np.ndarray]
    curves: list[np.ndarray]
    pictures: np.ndarray
    textures: np.ndarray
    voice: np.ndarray
    start: np.ndarray

    def targets(self) -> np.ndarray:
        """(clips, frames, mouths, 2): opening and width of every picture."""
        return np.stack(
            [_curves_of(self.curves, v, s) for v, s in zip(self.voice, self.start, strict=True)]
        )


def _curves_of(curves: list[np.ndarray], voice: np.ndarray, start: np.ndarray) -> np.ndarray:
    pieces = [curves[v][s : s + CLIP_FRAMES] for v, s in zip(voice, start, strict=True)]
    return np.stack(pieces, axis=1)


def prepare(folder: Path, seed: int) -> Material:
    """Make it, or read what an earlier run made."""
    recordings = _recordings(folder / "recordings.npz", seed)
    curves = [mouth_curve(sound) for sound in recordings]
    voice, start = _casting(curves, seed)
    pictures = _pictures(folder / "pictures.npy", curves, voice, start)
    textures = np.stack([texture(seed + i) for i in range(TEXTURES)])
    return Material(recordings, curves, pictures, textures, voice, start)


def _recordings(path: Path, seed: int) -> list[np.ndarray]:
    if not path.exists():
        made = [
            recording(seed + i, held_out=False, seconds=RECORDING_SECONDS)
            for i in range(RECORDINGS)
        ]
        stored = {str(i): np.round(x * FULL_SCALE).astype(np.int16) for i, x in enumerate(made)}
        np.savez(path, **stored)  # type: ignore[arg-type]
    with np.load(path) as file:
        return [file[str(i)].astype(np.float32) / FULL_SCALE for i in range(RECORDINGS)]


def _casting(curves: list[np.ndarray], seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([seed, 6])
    voice = rng.integers(0, RECORDINGS, (CLIPS, MOUTHS))
    latest = np.array([len(curve) - CLIP_FRAMES for curve in curves])[voice]
    return voice, (rng.random((CLIPS, MOUTHS)) * latest).astype(np.int64)


def _pictures(
    path: Path, curves: list[np.ndarray], voice: np.ndarray, start: np.ndarray
) -> np.ndarray:
    if not path.exists():
        wanted = [_curves_of(curves, v, s) for v, s in zip(voice, start, strict=True)]
        shape = (CLIPS, CLIP_FRAMES, MOUTHS, RESOLUTION, RESOLUTION, 3)
        unfinished = path.with_suffix(".part")
        store = np.lib.format.open_memmap(unfinished, "w+", np.uint8, shape)
        with ProcessPoolExecutor(PROCESSES) as pool:
            for i, frames in enumerate(pool.map(_draw_clip, range(CLIPS), wanted, chunksize=4)):
                store[i] = frames
                if i % 100 == 0:
                    print(f"films {i}/{CLIPS}", flush=True)
        store.flush()
        unfinished.replace(path)
    return np.load(path, mmap_mode="r")


def _draw_clip(number: int, curves: np.ndarray) -> np.ndarray:
    cv2.setNumThreads(1)
    return film(number, curves.transpose(1, 0, 2))


def texture(seed: int) -> np.ndarray:
    """Noise of all sizes with polygons over it, (128, 128, 3): what a photograph has and no drawn
    face does, so that the autoencoder is not lost on one."""
    rng = np.random.default_rng([seed, 7])
    picture = np.full((RESOLUTION, RESOLUTION, 3), rng.uniform(60, 190, 3), np.float32)
    steepness = rng.uniform(0.45, 0.8)
    for octave in range(1, 8):
        noise = rng.standard_normal((2**octave, 2**octave, 1)) + 0.5 * rng.standard_normal(
            (2**octave, 2**octave, 3)
        )
        layer = cv2.resize(noise.astype(np.float32), (RESOLUTION, RESOLUTION), interpolation=3)
        picture += 60 * steepness**octave * layer
    for _ in range(int(rng.integers(0, 8))):
        corners = rng.uniform(-20, 148, (int(rng.integers(3, 7)), 2)) * 16
        veil = picture.copy()
        cv2.fillPoly(veil, [corners.astype(np.int32)], rng.uniform(0, 255, 3), cv2.LINE_AA, 4)
        picture += rng.uniform(0.2, 1.0) * (veil - picture)
    picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.2))
    return np.clip(picture, 0, 255).astype(np.uint8)
