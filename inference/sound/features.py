"""From a sound to what each frame hears. Source of every number: LatentSync's Audio2Feature.

The reference cuts a sound into blocks of 30 seconds and encodes each alone, so what is heard
around a cut has no context on one side. Here the blocks overlap by a third: a block begins every
20 seconds, its first and last 5 seconds serve as context only, and over one second in the middle
of the overlap the two blocks' rows are blended.

- A sound of up to 30 seconds is one block, byte for byte the reference's.
- The rows of a longer one equal the reference's for its first 24.5 seconds (unless its loudest
  moment comes later: the log-mel's floor is the whole file's there as here).
- Whisper adds a table of positions to its first state, so a row's numbers tell how far into its
  block it lies. No way of cutting makes that vanish: at a cut the position goes back by 20
  seconds. The blend makes it a slope instead of a step: each row gets a fiftieth of the
  difference between two blocks.

Measured on 70 seconds of the demo's voices and with its encoder, as the mean change from a row to
the next over the median of all such changes (99 % of which stay under 3.2): 5.1 and 4.8 at the
reference's cuts at 30 and 60 seconds; at most 3.4 within our blends.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.model.whisper import AudioEncoder
from inference.sound.mel import HOP, SAMPLE_RATE, LogMel, Samples, at_least, log_mel, mel_filters

__all__ = [
    "HOP",
    "REFERENCE_FPS",
    "ROWS_PER_FRAME",
    "ROWS_PER_SECOND",
    "SAMPLE_RATE",
    "Heard",
    "frame_count",
    "frame_windows",
    "hear",
    "log_mel",
    "mel_filters",
    "rows_heard",
    "speech_features",
    "window_at",
    "windows_at",
]

FRAMES_PER_ROW = 2  # the encoder's second convolution halves the log-mel's rate
ROWS_PER_SECOND = SAMPLE_RATE // HOP // FRAMES_PER_ROW
REFERENCE_FPS = 25
ROWS_PER_FRAME = ROWS_PER_SECOND // REFERENCE_FPS
ROWS_BEFORE, ROWS_AFTER = 2 * ROWS_PER_FRAME, 3 * ROWS_PER_FRAME
# Parts of a block of 1500 rows: 10 seconds are common to two blocks, blended over one.
OVERLAP, BLEND = Fraction(1, 3), Fraction(1, 30)

OnPiece = Callable[[int, int], None]


@dataclass(frozen=True)
class Heard:
    """The encoder's rows of one sound, 50 a second, in a file: an hour takes 1.4 GB in single
    precision, half of that in half, and no memory.

    path: rows of (states, width) one after the other, in `dtype`.
    """

    path: Path
    rows: int
    states: int
    width: int
    dtype: np.dtype[np.floating]

    def windows_at(self, seconds: Iterable[Fraction]) -> Tensor:
        """As the function of that name: (frames, 10 * states, width), fp32 on the CPU."""
        centers = _centers(seconds)
        near = rows_heard(centers, self.rows).numpy()
        windows = np.empty((len(near), near.shape[1], self.states, self.width), np.float32)
        with self.path.open("rb") as file:
            for window, places in zip(windows, near, strict=True):
                first = int(places[0])
                window[:] = self._read(file.fileno(), first, int(places[-1]) + 1)[places - first]
        return torch.from_numpy(windows).flatten(1, 2)

    def _read(self, file: int, start: int, stop: int) -> NDArray[np.floating]:
        # Read, not mapped: the pages of a map count as this process's memory.
        size = self.states * self.width * self.dtype.itemsize
        data = os.pread(file, (stop - start) * size, start * size)
        return np.frombuffer(data, self.dtype).reshape(stop - start, self.states, self.width)


def hear(
    samples: Samples,
    encoder: AudioEncoder,
    folder: Path,
    on_piece: OnPiece | None = None,
    *,
    reference_blocks: bool = False,
) -> Heard:
    """Encode a sound of any length in constant memory; the rows go to a file in the folder.

    The rest as in speech_features().
    """
    half = encoder.conv1.weight.dtype == torch.float16
    dtype: np.dtype[np.floating] = np.dtype("<f2" if half else "<f4")
    path, rows = folder / "rows", 0
    with path.open("wb") as file:
        for piece in _features(samples, encoder, on_piece, reference_blocks):
            file.write(piece.numpy().astype(dtype, copy=False).tobytes())
            rows += len(piece)
    return Heard(path, rows, encoder.config.states, encoder.config.width, dtype)


def speech_features(
    samples: Samples,
    encoder: AudioEncoder,
    on_piece: OnPiece | None = None,
    *,
    reference_blocks: bool = False,
) -> Tensor:
    """The encoder's states, 50 rows a second: (rows, states, width), fp32 on the CPU.

    A sound too short for one row (20 ms) is taken as if silence followed it, so there is always a
    row. on_piece(done, total) is called after each block and may raise.
    reference_blocks: cut as the reference does, with its seam every 30 seconds.
    """
    return torch.cat(list(_features(samples, encoder, on_piece, reference_blocks)))


def _features(
    samples: Samples, encoder: AudioEncoder, on_piece: OnPiece | None, reference_blocks: bool
) -> Iterator[Tensor]:
    mel = LogMel(at_least(samples, FRAMES_PER_ROW * HOP), encoder.config.n_mels)
    ctx = encoder.config.ctx
    shared, blend = (0, 0) if reference_blocks else (int(ctx * OVERLAP), int(ctx * BLEND))
    starts = range(0, max(1, mel.frames // FRAMES_PER_ROW - shared), ctx - shared)
    slope = ((torch.arange(blend) + 0.5) / blend)[:, None, None]
    fading: Tensor | None = None  # rows of the block before, where this one takes over
    first = 0
    for done, start in enumerate(starts, start=1):
        block = _encode(mel, start, encoder)
        if fading is not None:
            yield torch.lerp(fading, block[first - blend : first], slope)
        last = ctx - (shared + blend) // 2 if done < len(starts) else len(block)
        yield block[first:last]
        fading, first = block[last : last + blend], last + blend - (ctx - shared)
        if on_piece:
            on_piece(done, len(starts))


@torch.inference_mode()
def _encode(mel: LogMel, start: int, encoder: AudioEncoder) -> Tensor:
    """The block that begins at this row, filled up with 0.0 in the finished log-mel as the
    reference does: (rows, states, width), as many rows as there is sound."""
    first, full = FRAMES_PER_ROW * start, FRAMES_PER_ROW * encoder.config.ctx
    piece = mel.part(first, min(first + full, mel.frames))
    padded = torch.nn.functional.pad(piece, (0, full - piece.shape[1]))
    states = encoder.states(padded[None].to(encoder.conv1.weight))[0].float().cpu()
    return states[: piece.shape[1] // FRAMES_PER_ROW]


def _centers(seconds: Iterable[Fraction]) -> Tensor:
    """Exact fractions, because a float just under a row's time would pick the row before."""
    return torch.tensor([int(ROWS_PER_SECOND * time) for time in seconds], dtype=torch.long)


def rows_heard(centers: Tensor, rows: int) -> Tensor:
    """Which rows are heard around each center: (frames,) -> (frames, 10), edges repeated."""
    reach = torch.arange(-ROWS_BEFORE, ROWS_AFTER, device=centers.device)
    return (centers[:, None] + reach).clamp(0, rows - 1)


def windows_at(rows: Tensor, seconds: Iterable[Fraction]) -> Tensor:
    """What a frame shown at each of these times hears, at whatever frame rate.

    rows: (n, states, width) -> (frames, 10 * states, width). At 25 fps it equals frame_windows().
    """
    return rows[rows_heard(_centers(seconds), len(rows))].flatten(1, 2)


def window_at(rows: Tensor, seconds: Fraction) -> Tensor:
    """One frame's window: (10 * states, width)."""
    return windows_at(rows, [seconds])[0]


def frame_windows(rows: Tensor) -> Tensor:
    """Gather what each output frame at 25 fps hears: ten encoder rows around its own.

    rows: (n, states, width) -> (n // 2 + 2, 10 * states, width).
    """
    # Two frames more than the sound lasts, edges repeated: the reference implementation counts so.
    centers = torch.arange(frame_count(len(rows))) * ROWS_PER_FRAME
    return rows[rows_heard(centers, len(rows))].flatten(1, 2)


def frame_count(rows: int, fps: float = REFERENCE_FPS) -> int:
    """How many frames the reference makes of so many rows: up to the first that begins after them.

    At 25 fps rows // 2 + 2. In floats, for it counts so.
    """
    rows_per_frame = ROWS_PER_SECOND / fps
    return next(i for i in count() if int(i * rows_per_frame) > rows) + 1
