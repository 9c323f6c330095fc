"""Does the voice drive the lips? Measured on faces and voices that the training never saw.

Each pair is a film of a drawn face that says one thing, and a recording of another voice whose
opening has nothing to do with the film's (that is arranged before anything is generated). The mouth
is read from the generated pictures by `meter.py` and compared with both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from inference.demo.articulation import FRAME_RATE, mouth_curve
from inference.demo.films import HELD_OUT_FACES, film
from inference.demo.meter import readings
from inference.demo.voices import recording
from inference.model.checkpoint import Model
from inference.model.diffusion import WINDOW_FRAMES, conditions, denoise, shared_noise
from inference.model.mask import latent_mask
from inference.model.vae import decode, encode
from inference.picture.paste import keep_surround
from inference.sound.features import SAMPLE_RATE, frame_windows, speech_features

SOURCE_VOICES, DRIVER_VOICES = 500_000, 600_000
PAIRS, FRAMES = 20, 80
STEPS, GUIDANCE, SEED = 20, 1.5, 1247
SAMPLES_PER_FRAME = SAMPLE_RATE // FRAME_RATE
CANDIDATES = 60  # places in the driver's recording that are tried for one that is unrelated


@dataclass(frozen=True)
class Pair:
    """pictures: (frames, R, R, 3) uint8, aligned. source, driver: (frames,), openings. sound: the
    driver's, as long as the pictures."""

    number: int
    pictures: np.ndarray
    source: np.ndarray
    sound: np.ndarray
    driver: np.ndarray


@dataclass(frozen=True)
class Figures:
    """Correlations of one pair: generated mouth with driver and source, and the meter's own
    reading of the drawn film with what was drawn. amplitude: generated / driver's."""

    number: int
    driver: float
    source: float
    meter: float
    amplitude: float


def make_pair(number: int, frames: int = FRAMES) -> Pair:
    """The same pair for the same number, whatever was made before."""
    seconds = frames / FRAME_RATE
    spoken = recording(SOURCE_VOICES + number, held_out=True, seconds=seconds + 0.5)
    source = mouth_curve(spoken)[:frames]
    sound = _unrelated(recording(DRIVER_VOICES + number, held_out=True, seconds=8.0), source[:, 0])
    pictures = film(HELD_OUT_FACES + number, source[None])[:, 0]
    return Pair(number, pictures, source[:, 0], sound, mouth_curve(sound)[:frames, 0])


def _unrelated(sound: np.ndarray, source: np.ndarray) -> np.ndarray:
    """The piece whose opening correlates least with the source's."""
    length = len(source) * SAMPLES_PER_FRAME
    starts = np.linspace(0, len(sound) - length, CANDIDATES).astype(int)
    pieces = [sound[start : start + length] for start in starts]
    return min(pieces, key=lambda piece: abs(correlation(mouth_curve(piece)[:, 0], source)))


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Of two curves; 0 if one of them doesn't move."""
    if a.std() < 1e-9 or b.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def generate(
    model: Model,
    pictures: np.ndarray,
    sound: np.ndarray,
    *,
    steps: int = STEPS,
    guidance: float = GUIDANCE,
) -> np.ndarray:
    """The engine's own way from aligned pictures and a sound to pictures, (frames, R, R, 3)."""
    heard = frame_windows(speech_features(sound, model.encoder))
    noise = shared_noise(SEED, model.resolution // 8)
    windows = range(0, len(pictures), WINDOW_FRAMES)
    return np.concatenate(
        [
            _window(model, pictures[i : i + WINDOW_FRAMES], heard[i:], noise, steps, guidance)
            for i in windows
        ]
    )


@torch.inference_mode()
def _window(
    model: Model,
    pictures: np.ndarray,
    heard: torch.Tensor,
    noise: torch.Tensor,
    steps: int,
    guidance: float,
) -> np.ndarray:
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    shown = conditions(
        latent_mask(model.mask, model.resolution // 8),
        encode(model.vae, pixels * model.mask, None),
        encode(model.vae, pixels, None),
    )
    latents = denoise(
        model.unet, noise, shown, heard[: len(pictures)], steps=steps, guidance=guidance
    )
    faces = keep_surround(decode(model.vae, latents[0].transpose(0, 1)), pixels, model.mask)
    levels = ((faces.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return np.ascontiguousarray(levels.permute(0, 2, 3, 1).numpy())


def judge(pair: Pair, generated: np.ndarray) -> Figures:
    seen, drawn = readings(generated), readings(pair.pictures)
    # The meter's scale differs from face to face; the drawn film of the same face calibrates it.
    scale = drawn.std() / max(float(pair.source.std()), 1e-9)
    return Figures(
        number=pair.number,
        driver=correlation(seen, pair.driver),
        source=correlation(seen, pair.source),
        meter=correlation(drawn, pair.source),
        amplitude=float(seen.std() / scale / pair.driver.std()),
    )


def summarize(figures: Iterable[Figures]) -> dict[str, float]:
    rows = [asdict(figure) for figure in figures]
    column = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    return {
        "driver_median": float(np.median(column["driver"])),
        "driver_worst": float(column["driver"].min()),
        "source_median": float(np.median(column["source"])),
        "source_worst": float(column["source"].max()),
        "meter_median": float(np.median(column["meter"])),
        "meter_worst": float(column["meter"].min()),
        "amplitude_median": float(np.median(column["amplitude"])),
    }


def evaluate(
    model: Model,
    *,
    numbers: Iterable[int] = range(PAIRS),
    frames: int = FRAMES,
    steps: int = STEPS,
    guidance: float = GUIDANCE,
    pictures: Path | None = None,
) -> dict[str, object]:
    """All pairs one after the other, each printed; the figures and their medians."""
    figures = []
    for number in numbers:
        pair = make_pair(number, frames)
        generated = generate(model, pair.pictures, pair.sound, steps=steps, guidance=guidance)
        figures.append(judge(pair, generated))
        print(json.dumps(asdict(figures[-1])), flush=True)
        if pictures:
            pictures.mkdir(parents=True, exist_ok=True)
            _sheet(pictures / f"pair-{number:02}.png", pair, generated)
    return {"summary": summarize(figures), "pairs": [asdict(figure) for figure in figures]}


def _sheet(path: Path, pair: Pair, generated: np.ndarray, columns: int = 10) -> None:
    """Source above, generated below, from the driver's most closed mouth to its most open one."""
    order = np.argsort(pair.driver)[np.linspace(0, len(pair.driver) - 1, columns).astype(int)]
    rows = [np.hstack(list(frames[order])) for frames in (pair.pictures, generated)]
    cv2.imwrite(str(path), np.vstack(rows)[..., ::-1])
