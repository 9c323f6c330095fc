"""When each frame is shown, in ticks that hold the source's rate exactly."""

from array import array
from fractions import Fraction

FINEST_TICK = 10_000  # a second has at least so many
NEVER = -1
# A clock that is set back by more was set anew; by less, it is a picture that comes too late.
LONGEST_SLIP_SECONDS = Fraction(1, 2)


def ticks(rate: Fraction) -> tuple[Fraction, int]:
    """Seconds of a tick, and how many ticks a frame of this rate lasts; both exact."""
    finer = -(-FINEST_TICK // rate.numerator)
    return Fraction(1, rate.numerator * finer), rate.denominator * finer


class Clock:
    """Maps a stream's timestamps to ticks from its first frame.

    A time that is a whole number of frames up to the rounding of the container (a millisecond in
    Matroska) becomes exactly that; any other is kept, so variable rates stay as they are.

    A clock that is set anew on the way, as where files were put one behind the other, goes on
    instead: its first picture follows the one before it after a usual frame. longest: seconds that
    a picture can be shown, if the container's clock is one that jumps forwards by mistake as well.
    """

    def __init__(
        self, rate: Fraction, source_tick: Fraction, longest: Fraction | None = None
    ) -> None:
        self.rate, self._longest = rate, longest
        self._source_tick = source_tick
        self.time_base, self.frame = ticks(rate)  # `frame`: ticks of a usual frame
        # Eight bytes a frame: a film may last for hours.
        self._starts = array("q")
        self._latest = NEVER
        # How the clock is set, a timestamp and the tick that it means; and, while that is news, how
        # it was set before. A single wrong timestamp doesn't lead away from the clock for good.
        self._settings: list[tuple[int, int]] = []
        self._last_lasts = self.frame

    def note(self, stamp: int | None, lasts: int | None = None) -> bool:
        """Take the next frame's timestamp, and how long its file says that it is shown, in the
        source's ticks. False: it is not later than the one before it, so it is never seen."""
        start = self._start(stamp)
        if start <= self._latest:
            self._starts.append(NEVER)
            return False
        self._starts.append(start)
        self._latest = start
        self._last_lasts = max(self.frame, self._tick(lasts or 0))
        return True

    def _start(self, stamp: int | None) -> int:
        following = 0 if self._latest == NEVER else self._latest + self.frame
        if stamp is None:
            return following
        self._trust()
        starts = [tick + self._tick(stamp - told) for told, tick in self._settings]
        if len(starts) == 2 and self._explains(starts[1]):
            del self._settings[0]
            return starts[1]
        if starts and not self._is_set_anew(starts[0]):
            return starts[0]
        self._settings = [(stamp, following), *self._settings[-1:]]
        return following

    def _trust(self) -> None:
        """What the clock was set to is no mistake once it has gone on from there for a while."""
        if self._settings:
            went_on = (self._latest - self._settings[0][1]) * self.time_base
            if went_on > LONGEST_SLIP_SECONDS:
                del self._settings[1:]

    def _explains(self, start: int) -> bool:
        """This is later than the picture before the one that set the clock anew, which was put a
        usual frame after it and may have been due later or sooner."""
        return start > self._latest - self.frame and not self._is_set_anew(start)

    def _is_set_anew(self, start: int) -> bool:
        later = (start - self._latest) * self.time_base
        return later < -LONGEST_SLIP_SECONDS or (
            self._longest is not None and later > self._longest
        )

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
