"""Which gaps of a sound are believed, told by packets that are made up."""

from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest

from inference.media.child import coding
from inference.media.child.listening import Listener
from inference.media.child.tracks import CopiedTrack
from inference.media.limits import MediaLimits

RATE, SAMPLES = 48000, 1024


@pytest.fixture
def sent(monkeypatch):
    """What is sent to the parent; nothing is carried as it is coded."""
    sent = []
    monkeypatch.setattr("inference.media.wire.send", lambda _, header, *data: sent.append(header))
    monkeypatch.setattr(coding, "carried", lambda *_: None)
    return sent


def packet(time):
    """One that is decoded to samples which tell this time, in samples."""
    frame = av.AudioFrame.from_ndarray(np.zeros((1, SAMPLES), np.float32), "fltp", "mono")
    frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), time
    return SimpleNamespace(size=1, pts=time, decode=lambda: [frame], has_sidedata=lambda _: False)


def heard(times):
    """Samples that are heard in all."""
    listener = Listener(SimpleNamespace(), MediaLimits(), None, lambda: iter(()))
    listener.listen(iter([packet(time) for time in times]))
    return listener.position


class Coded:
    """A packet that is carried as it is."""

    def __init__(self, time):
        self.pts, self.time_base = time, Fraction(1, RATE)

    def __bytes__(self):
        return b"x"


def carried(times, sent):
    """When each packet is heard in the result, in samples."""
    carrying = coding.Carried("aac", RATE, "mono", "fltp", b"", bytes, lambda *_: SAMPLES)
    track, first = CopiedTrack(carrying, Fraction(0)), len(sent)
    for n, time in enumerate(times):
        track.packets([(Coded(time), SAMPLES)], (n + 1) * SAMPLES)
    track.finish(Fraction(times[-1] + SAMPLES, RATE))
    return [header["time"] for header in sent[first:]]


def steps(count):
    return [n * SAMPLES for n in range(count)]


def test_a_time_that_the_next_samples_take_back_is_no_gap(sent):
    times = steps(40)
    for late in (448, 30 * RATE):  # as libvorbis makes them; and one that is plainly wrong
        assert heard([*times[:20], times[20] + late, *times[21:]]) == 40 * SAMPLES
    assert sent[-1]["duration"] == f"{40 * SAMPLES}/{RATE}"


def test_a_track_that_is_carried_bears_a_wrong_time_too(sent):
    times = steps(40)
    assert carried([*times[:20], times[20] + 30 * RATE, *times[21:]], sent) == times


def test_a_gap_that_stays_is_silence(sent):
    times = [*steps(40)[:20], *(time + RATE for time in steps(40)[20:])]
    assert heard(times) == 40 * SAMPLES + RATE
    assert carried(times, sent) == times


def test_a_gap_before_the_last_samples_is_silence(sent):
    assert heard([*steps(20), 20 * SAMPLES + RATE]) == 21 * SAMPLES + RATE
