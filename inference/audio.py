"""From a waveform to what each frame hears. Source of every number: LatentSync's Audio2Feature.

Written from the formulas, so that neither librosa nor torchaudio is needed.
"""

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import count

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.whisper import AudioEncoder

SAMPLE_RATE = 16_000
FFT_SIZE = 400
HOP = 160
MEL_BANDS = 80
ROWS_PER_SECOND = SAMPLE_RATE // HOP // 2  # the encoder's second convolution halves the rate
REFERENCE_FPS = 25
ROWS_PER_FRAME = ROWS_PER_SECOND // REFERENCE_FPS
ROWS_BEFORE, ROWS_AFTER = 2 * ROWS_PER_FRAME, 3 * ROWS_PER_FRAME
SHORTEST_SOUND = 2 * FFT_SIZE  # samples; the reflected ends need more than half a frame
MEL_FLOOR = 1e-10
MEL_DEPTH = 8.0  # decades below the loudest moment of the file
# Slaney's scale: 200/3 Hz a mel up to 1 kHz, then a factor of 6.4 every 27 mels.
MEL_HERTZ, MEL_KNEE, MEL_STEP = 200 / 3, 1000.0, math.log(6.4) / 27


def mel_to_hertz(mel: Tensor) -> Tensor:
    knee = MEL_KNEE / MEL_HERTZ
    return torch.where(mel < knee, mel * MEL_HERTZ, MEL_KNEE * torch.exp((mel - knee) * MEL_STEP))


def mel_filters(bands: int = MEL_BANDS) -> Tensor:
    """Triangles of equal area between 0 Hz and half the sample rate: (bands, bins) in fp32."""
    top = MEL_KNEE / MEL_HERTZ + math.log(SAMPLE_RATE / 2 / MEL_KNEE) / MEL_STEP
    corners = mel_to_hertz(torch.linspace(0, top, bands + 2, dtype=torch.float64))
    bins = torch.arange(FFT_SIZE // 2 + 1, dtype=torch.float64) * (SAMPLE_RATE / FFT_SIZE)
    left, middle, right = (corners[i : bands + i, None] for i in range(3))
    rising, falling = (bins - left) / (middle - left), (right - bins) / (right - middle)
    triangles = torch.minimum(rising, falling).clamp(min=0)
    return (triangles * 2 / (right - left)).float()


def log_mel(waveform: Tensor | NDArray[np.float32], bands: int = MEL_BANDS) -> Tensor:
    """Whisper's picture of a sound: (samples,) fp32 in -1..1 -> (bands, samples // 160).

    Its floor hangs on the loudest moment of the *whole* file, so a file can't be done in pieces.
    """
    wave = torch.as_tensor(waveform, dtype=torch.float32)
    frames = len(wave) // HOP
    if len(wave) < SHORTEST_SOUND:
        wave = torch.nn.functional.pad(wave, (0, SHORTEST_SOUND - len(wave)))
    half = FFT_SIZE // 2
    padded = torch.nn.functional.pad(wave[None], (half, half), mode="reflect")[0]
    slices = padded.unfold(0, FFT_SIZE, HOP)[:frames]
    window, filters = torch.hann_window(FFT_SIZE), mel_filters(bands)
    # Thirty seconds at a time: the spectrum of an hour would take half a gigabyte.
    mel = torch.empty(bands, frames)
    for start in range(0, frames, 3000):
        power = torch.fft.rfft(slices[start : start + 3000] * window).abs().square()
        mel[:, start : start + 3000] = filters @ power.T
    logarithm = mel.clamp_(min=MEL_FLOOR).log10_()
    if not frames:
        return logarithm
    return torch.maximum(logarithm, logarithm.max() - MEL_DEPTH).add_(4).div_(4)


def speech_features(
    waveform: Tensor | NDArray[np.float32],
    encoder: AudioEncoder,
    on_piece: Callable[[int, int], None] | None = None,
) -> Tensor:
    """The encoder's states, 50 rows a second: (rows, states, width), fp32 on the CPU.

    Pieces of 30 seconds are encoded alone, the last one filled up with 0.0 in the finished
    log-mel. A sound too short for one row (20 ms) is taken as if silence followed it, so there is
    always a row. on_piece(done, total) is called after each piece and may raise.
    """
    wave = torch.as_tensor(waveform, dtype=torch.float32)
    if len(wave) < 2 * HOP:
        wave = torch.nn.functional.pad(wave, (0, 2 * HOP - len(wave)))
    mel = log_mel(wave, encoder.config.n_mels)
    pieces = torch.split(mel, 2 * encoder.config.ctx, dim=1)
    rows = []
    for done, piece in enumerate(pieces, start=1):
        rows.append(_encode(piece, encoder)[: piece.shape[1] // 2])
        if on_piece:
            on_piece(done, len(pieces))
    return torch.cat(rows)


@torch.inference_mode()
def _encode(piece: Tensor, encoder: AudioEncoder) -> Tensor:
    missing = 2 * encoder.config.ctx - piece.shape[1]
    full = torch.nn.functional.pad(piece, (0, missing))
    return encoder.states(full[None].to(encoder.conv1.weight))[0].float().cpu()


def rows_heard(centers: Tensor, rows: int) -> Tensor:
    """Which rows are heard around each center: (frames,) -> (frames, 10), edges repeated."""
    reach = torch.arange(-ROWS_BEFORE, ROWS_AFTER, device=centers.device)
    return (centers[:, None] + reach).clamp(0, rows - 1)


def windows_at(rows: Tensor, seconds: Iterable[Fraction]) -> Tensor:
    """What a frame shown at each of these times hears, at whatever frame rate.

    rows: (n, states, width) -> (frames, 10 * states, width). At 25 fps it equals frame_windows().
    Exact fractions, because a float just under a row's time would pick the row before.
    """
    centers = torch.tensor([int(ROWS_PER_SECOND * time) for time in seconds], dtype=torch.long)
    return rows[rows_heard(centers, len(rows))].flatten(1, 2)


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
