"""When each frame is shown, in ticks that hold the source's rate exactly."""

import itertools
from array import array
from fractions import Fraction

FINEST_TICK = 10_000  # a second has at least so many
NEVER = -1
# A clock that is set back by more was set anew; by less, it is a picture that comes too late.
LONGEST_SLIP_SECONDS = Fraction(1, 2)
# So many pictures wait until it is known whether a strange time was wrong; all but one may be.
MOST_WAITING = 8


def ticks(rate: Fraction) -> tuple[Fraction, int]:
    """Seconds of a tick, and how many ticks a frame of this rate lasts; both exact."""
    finer = -(-FINEST_TICK // rate.numerator)
    return Fraction(1, rate.numerator * finer), rate.denominator * finer


class Clock:
    """Maps a stream's timestamps to ticks from its first frame.

    A time that is a whole number of frames up to the rounding of the container (a millisecond in
    Matroska) becomes exactly that; any other is kept, so variable rates stay as they are.

    A time that is no usual frame later is looked at again when the next ones are known. Where the
    clock comes back to where it was, it was wrong, and so were those between: such pictures are put
    evenly between their neighbors. A longer step that stays is believed. A clock that is set anew,
    as where files were put one behind the other, goes on instead: its first picture follows the
    one before it after a usual frame. longest: seconds that a picture can be shown, if the
    container's clock is one that jumps forwards by mistake as well.
    """

    def __init__(
        self, rate: Fraction, source_tick: Fraction, longest: Fraction | None = None
    ) -> None:
        self.rate, self._source_tick = rate, source_tick
        self.time_base, self.frame = ticks(rate)  # `frame`: ticks of a usual frame
        self._slip = LONGEST_SLIP_SECONDS / self.time_base
        self._step = max(self._slip, Fraction(2 * self.frame))  # a longer one is doubted
        self._longest = None if longest is None else longest / self.time_base
        # Eight bytes a frame: a film may last for hours.
        self._starts = array("q")
        self._latest = NEVER
        self._last_lasts = self.frame
        self._setting: tuple[int, int] | None = None  # a timestamp, and the tick that it means
        self._waiting: list[tuple[int | None, int]] = []  # timestamps, and how long they last

    def note(self, stamp: int | None, lasts: int | None = None) -> None:
        """Take the next frame's timestamp, and how long its file says that it is shown, in the
        source's ticks."""
        self._waiting.append((stamp, lasts or 0))
        self._settle(ended=False)

    def close(self) -> None:
        """There are no more frames."""
        self._settle(ended=True)

    @property
    def settled(self) -> int:
        """How many frames have got their time, from the first one on."""
        return len(self._starts)

    def _settle(self, *, ended: bool) -> None:
        while self._waiting:
            if self._is_usual(self._told(0)):
                self._believe()
            elif ended or len(self._waiting) >= MOST_WAITING:
                self._judge()
            else:
                return

    def _judge(self) -> None:
        """Believe the first of those that wait, or the one with which the clock comes back: then
        all before it are wrong."""
        told = [self._told(place) for place in range(len(self._waiting))]
        back = [n for n in range(1, len(told)) if self._comes_back(told[:n], told[n])]
        if back:
            self._spread(min(back, key=told.__getitem__))
        else:
            self._believe()

    def _told(self, place: int) -> int:
        """The tick that the timestamp of a waiting frame means, as the clock is set; a frame that
        has none follows the one before it."""
        stamp, _ = self._waiting[place]
        if stamp is not None and self._setting is not None:
            return self._setting[1] + self._tick(stamp - self._setting[0])
        return self._following if place == 0 else self._told(place - 1) + self.frame

    @property
    def _following(self) -> int:
        return 0 if self._latest == NEVER else self._latest + self.frame

    def _is_usual(self, start: int) -> bool:
        return -self._slip <= start - self._latest <= self._step

    def _comes_back(self, run: list[int], start: int) -> bool:
        """Is this time about where it should be, and nearer to the last one that was believed than
        those between allow?"""
        later = start - self._latest
        if not 0 < later <= max(self._slip, Fraction(2 * self.frame * (len(run) + 1))):
            return False
        if 2 * later < max(run) - self._latest:
            return True
        # A clock that was set back passes that place as well, but step by step.
        steps = [b - a for a, b in itertools.pairwise([*run, start])]
        steady = all(0 < step <= self._step for step in steps)
        return run[0] < self._latest and not steady and later < steps[-1]

    def _spread(self, count: int) -> None:
        """Put that many between the last picture and the next."""
        first, room = self._latest, self._told(count) - self._latest
        for n in range(1, count + 1):
            self._put(first + room * n // (count + 1))

    def _believe(self) -> None:
        stamp, start = self._waiting[0][0], self._told(0)
        if stamp is not None and (self._setting is None or self._is_set_anew(start)):
            start = self._following
            self._setting = stamp, start
        self._put(start)

    def _put(self, start: int) -> None:
        """Where the first of those that wait is shown; never, unless that is later than before."""
        _, lasts = self._waiting.pop(0)
        if start <= self._latest:
            self._starts.append(NEVER)
            return
        self._starts.append(start)
        self._latest = start
        self._last_lasts = max(self.frame, self._tick(lasts))

    def _is_set_anew(self, start: int) -> bool:
        later = start - self._latest
        return later < -self._slip or (self._longest is not None and later > self._longest)

    def _tick(self, source_ticks: int) -> int:
        time = source_ticks * self._source_tick
        whole = round(time * self.rate)
        if abs(time - whole / self.rate) <= self._source_tick:
            return whole * self.frame
        return round(time / self.time_base)

    def seen(self, number: int) -> bool:
        return self._starts[number] != NEVER

    def start(self, number: int) -> int:
        return self._starts[number]

    def duration(self, number: int) -> int:
        """Ticks until the next frame; what the file says of the last, at least a usual frame."""
        for following in range(number + 1, len(self._starts)):
            if self._starts[following] != NEVER:
                return self._starts[following] - self._starts[number]
        return self._last_lasts
