"""Where nobody speaks: the option silence=keep leaves the source's frames there.

A moment of 20 ms is loud when its level lies above a threshold that follows the file: 10 dB over
its quiet moments, but at most 25 dB under its loud ones, and never under -50 dBFS. So digital
zero, direct current and room noise at -60 dBFS are decided alike. A pause begins where a
loud moment is followed by 0.36 s without one (or by eight frames, if that is longer: two ramps
must fit), so the closure of a "p" is none; a single moment that is loud, such as a click, is no
speech. Music and other people's voices are sound like any other: this is no speech recognizer.
"""

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from inference.sound.mel import SAMPLE_RATE, Samples, floats

MOMENT = SAMPLE_RATE // 50  # samples, 20 ms
MOMENTS_AT_ONCE = 5000
FLOOR_DBFS = -50.0
OVER_QUIET_DB, UNDER_LOUD_DB = 10.0, 25.0
QUIET_PERCENTILE, LOUD_PERCENTILE = 10, 95
RAMP_FRAMES = 4
SHORTEST_PAUSE = Fraction(36, 100)  # seconds
SHORTEST_SPEECH = 3  # moments

Stretch = tuple[Fraction, Fraction]


class Gate:
    """How much of the new mouth is shown at each time: 1 in speech, 0 in pauses, a ramp of four
    frames between. The ramps lie in the pause: speech is never faded.

    frame: seconds that a frame of the film lasts.
    """

    def __init__(self, samples: Samples, frame: Fraction = Fraction(1, 25)) -> None:
        self._frame = frame
        pause = max(SHORTEST_PAUSE, 2 * RAMP_FRAMES * frame)
        self.speech: list[Stretch] = speech(levels(samples), pause)

    def opacity(self, seconds: Iterable[Fraction]) -> NDArray[np.float32]:
        """For frames shown at these times, in any order: (frames,) in 0..1."""
        times = np.array([float(time) for time in seconds])
        if not self.speech:
            return np.zeros(len(times), np.float32)
        starts, ends = np.array(self.speech, float).T
        after = np.searchsorted(starts, times, side="right")
        until_next = np.append(starts, np.inf)[after] - times
        since_last = times - np.append(-np.inf, ends)[after]
        away = np.maximum(np.minimum(until_next, since_last), 0) / float(self._frame)
        # Floats: a time on a frame's border must not fall on either side of it by chance.
        return np.clip(1 - away.round(6) / (RAMP_FRAMES + 1), 0, 1).astype(np.float32)


def levels(samples: Samples) -> NDArray[np.float32]:
    """Level of each moment in dB of full scale, without direct current: (moments,)."""
    found = []
    whole = MOMENT * MOMENTS_AT_ONCE
    for start in range(0, len(samples), whole):
        wave = floats(samples, start, min(start + whole, len(samples)))
        wave = np.pad(wave, (0, -len(wave) % MOMENT), mode="edge").reshape(-1, MOMENT)
        power = wave.var(axis=1)
        found.append(10 * np.log10(np.maximum(power, 1e-12)).astype(np.float32))
    return np.concatenate(found) if found else np.empty(0, np.float32)


def threshold(heard: NDArray[np.float32]) -> float:
    """Above this level a moment is loud, in dBFS."""
    if not len(heard):
        return FLOOR_DBFS
    quiet, loud = np.percentile(heard, [QUIET_PERCENTILE, LOUD_PERCENTILE])
    return max(FLOOR_DBFS, min(float(quiet) + OVER_QUIET_DB, float(loud) - UNDER_LOUD_DB))


def speech(heard: NDArray[np.float32], pause: Fraction) -> list[Stretch]:
    """(start, end) in seconds of all stretches of speech, in order."""
    moment = Fraction(MOMENT, SAMPLE_RATE)
    loud = np.flatnonzero(heard > threshold(heard))
    if not len(loud):
        return []
    # A pause is that many moments without a loud one.
    cuts = np.flatnonzero(np.diff(loud) - 1 >= float(pause / moment)) + 1
    parts = np.split(loud, cuts)
    return [
        (int(part[0]) * moment, (int(part[-1]) + 1) * moment)
        for part in parts
        if len(part) >= SHORTEST_SPEECH
    ]
