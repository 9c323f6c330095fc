"""Whisper's picture of a sound, a stretch at a time: nothing of it is kept but the loudest value.

Written from the formulas, so that neither librosa nor torchaudio is needed.
"""

import math
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SAMPLE_RATE = 16_000
FFT_SIZE = 400
HOP = 160
MEL_BANDS = 80
SHORTEST_SOUND = 2 * FFT_SIZE  # samples; the reflected ends need more than half a frame
MEL_FLOOR = 1e-10
MEL_DEPTH = 8.0  # decades below the loudest moment of the file
# Slaney's scale: 200/3 Hz a mel up to 1 kHz, then a factor of 6.4 every 27 mels.
MEL_HERTZ, MEL_KNEE, MEL_STEP = 200 / 3, 1000.0, math.log(6.4) / 27
# Frames at once, 30 seconds: the spectrum of an hour would take half a gigabyte.
STRETCH = 3000
INT16_ONE = np.float32(32768)


class Samples(Protocol):
    """Sound at 16 kHz, mono, int16 or floats in -1..1: an array, a tensor, or a file's view."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> Any: ...


def floats(samples: Samples, start: int, stop: int) -> NDArray[np.float32]:
    """A part of a sound as fp32 in -1..1."""
    part = np.asarray(samples[start:stop])
    if part.dtype == np.int16:
        return part.astype(np.float32) / INT16_ONE
    return part.astype(np.float32, copy=False)


def at_least(samples: Samples, length: int) -> Samples:
    """The sound, followed by silence where it is shorter than so many samples."""
    missing = length - len(samples)
    return samples if missing <= 0 else np.pad(floats(samples, 0, len(samples)), (0, missing))


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


class LogMel:
    """The log-mel of a sound: `frames` of 10 ms, made again whenever a part is asked for.

    Its floor hangs on the loudest moment of the *whole* file, so the sound is gone through once
    for that, and a second time for the parts: twice the work of the spectrum, a hundredth of the
    encoder's, and no memory that grows with the length.
    """

    def __init__(self, samples: Samples, bands: int = MEL_BANDS) -> None:
        self.frames = len(samples) // HOP
        self._samples = at_least(samples, SHORTEST_SOUND)
        self._window, self._filters = torch.hann_window(FFT_SIZE), mel_filters(bands)
        starts = range(0, self.frames, STRETCH)
        loudest = (float(self._logarithm(s, min(s + STRETCH, self.frames)).max()) for s in starts)
        self._floor = max(loudest, default=0.0) - MEL_DEPTH

    def part(self, start: int, stop: int) -> Tensor:
        """Frames start to stop, at most STRETCH of them: (bands, stop - start) in fp32."""
        return self._logarithm(start, stop).clamp_(min=self._floor).add_(4).div_(4)

    def _logarithm(self, start: int, stop: int) -> Tensor:
        slices = torch.from_numpy(self._around(start, stop)).unfold(0, FFT_SIZE, HOP)
        power = torch.fft.rfft(slices * self._window).abs().square()
        return (self._filters @ power.T).clamp_(min=MEL_FLOOR).log10_()

    def _around(self, start: int, stop: int) -> NDArray[np.float32]:
        """The samples that these frames see, the sound's ends reflected."""
        half, last = FFT_SIZE // 2, len(self._samples) - 1
        places = np.abs(np.arange(start * HOP - half, (stop - 1) * HOP + half))
        places = np.where(places > last, 2 * last - places, places)
        first = int(places.min())
        return floats(self._samples, first, int(places.max()) + 1)[places - first]


def log_mel(samples: Samples, bands: int = MEL_BANDS) -> Tensor:
    """The whole picture at once: (samples,) -> (bands, samples // 160)."""
    mel = LogMel(samples, bands)
    starts = range(0, mel.frames, STRETCH)
    parts = [mel.part(start, min(start + STRETCH, mel.frames)) for start in starts]
    return torch.cat(parts, dim=1) if parts else torch.empty(bands, 0)
