"""What a mouth does for a sound: the rule that drawn faces talk by, and generated ones are held to.

Computed from the waveform alone, so any recording has it. Loud and open vowels open the mouth,
hisses and silence close it, high second formants spread it.
"""

from __future__ import annotations

import numpy as np

from inference.sound.features import SAMPLE_RATE

FRAME_RATE = 25
HOP = SAMPLE_RATE // 100
WINDOW = 512
LOUD_PERCENTILE = 95
RANGE_DB = 24.0  # below the loud parts of the recording: a shut mouth
SMOOTHING_SECONDS = 0.06
STRETCH = 1.3  # smoothing takes from the peaks; this gives it back


def mouth_curve(waveform: np.ndarray) -> np.ndarray:
    """16 kHz samples -> (frames, 2): opening and width, 0 to 1, at the middle of each frame."""
    power = _spectrum(waveform)
    opening, width = _smooth(_opening(power)), _smooth(_width(power))
    opening = np.clip(STRETCH * opening, 0, 1)
    middles = np.arange(len(waveform) * FRAME_RATE // SAMPLE_RATE) + 0.5
    rows = middles / FRAME_RATE * SAMPLE_RATE / HOP
    at = np.arange(len(power))
    return np.stack([np.interp(rows, at, opening), np.interp(rows, at, width)], axis=1)


def _spectrum(waveform: np.ndarray) -> np.ndarray:
    """(rows, bins): power around each multiple of ten milliseconds."""
    padded = np.pad(waveform.astype(np.float64), WINDOW // 2)
    starts = np.arange(len(waveform) // HOP + 1) * HOP
    pieces = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[starts]
    return np.abs(np.fft.rfft(pieces * np.hanning(WINDOW), axis=1)) ** 2 + 1e-12


def _band(power: np.ndarray, low: float, high: float) -> np.ndarray:
    hertz = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    return power[:, (hertz >= low) & (hertz < high)].sum(axis=1)


def _opening(power: np.ndarray) -> np.ndarray:
    loudness = 10 * np.log10(_band(power, 200, 3000))
    level = np.clip(1 + (loudness - np.percentile(loudness, LOUD_PERCENTILE)) / RANGE_DB, 0, 1)
    vowel = np.sqrt(_band(power, 500, 1100) / _band(power, 200, 1100))
    hiss = _band(power, 3500, 8000) / _band(power, 200, 8000)
    return np.clip(level**1.3 * (0.5 + 0.5 * vowel) - 0.6 * hiss * level, 0, 1)


def _width(power: np.ndarray) -> np.ndarray:
    share = _band(power, 1500, 3200) / _band(power, 200, 3200)
    return np.clip(np.sqrt(share) * 1.3, 0, 1)


def _smooth(curve: np.ndarray) -> np.ndarray:
    sigma = SMOOTHING_SECONDS * SAMPLE_RATE / HOP
    reach = np.arange(-int(4 * sigma), int(4 * sigma) + 1)
    weights = np.exp(-0.5 * (reach / sigma) ** 2)
    return np.convolve(np.pad(curve, len(reach) // 2, "edge"), weights / weights.sum(), "valid")
