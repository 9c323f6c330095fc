"""The sound for a player: all samples, as they are, each at its place."""

from collections.abc import Callable, Iterator
from fractions import Fraction

import av

from inference.media.child.beginning import beginning, delay
from inference.media.child.forms import Alike
from inference.media.child.listening import alone, frames_of, time_of
from inference.media.child.tracks import settle


def samples(fd: int, beat: Callable[[], None]) -> Iterator[av.AudioFrame]:
    """Frames of one form, timed in samples from where the file begins. Gaps stay; a clock that is
    set anew on the way goes on, as it does for pictures."""
    begins, alike = beginning(fd), Alike()
    position: int | None = None
    origin = Fraction(0)
    with alone(fd) as (container, stream):
        for frame in _frames(container.demux(stream), beat):
            told, same = time_of(frame), alike(frame)
            rate = alike.form[2]
            if position is None:
                late = delay(told or Fraction(0), begins)
                origin, position = (told or Fraction(0)) - late, round(late * rate)
            elif told is not None:
                position = settle((told - origin) * rate, position, rate)
            for each in same:
                each.pts, each.time_base = position, Fraction(1, rate)
                position += each.samples
                yield each


def _frames(packets: Iterator[av.Packet], beat: Callable[[], None]) -> Iterator[av.AudioFrame]:
    for packet in packets:
        beat()
        yield from frames_of(packet)
