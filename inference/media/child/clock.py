"""When each frame is shown, in ticks that hold the source's rate exactly."""

from fractions import Fraction

FINEST_TICK = 10_000  # a second has at least so many


class Clock:
    """Maps a stream's timestamps to ticks from its first frame.

    A time that is a whole number of frames up to the rounding of the container (a millisecond in
    Matroska) becomes exactly that; any other is kept, so variable rates stay as they are.
    """

    def __init__(self, rate: Fraction, source_tick: Fraction) -> None:
        self.rate = rate
        self._source_tick = source_tick
        finer = -(-FINEST_TICK // rate.numerator)
        self.time_base = Fraction(1, rate.numerator * finer)
        self.frame = rate.denominator * finer  # ticks of a usual frame
        self.starts: dict[int, int] = {}
        self._seen = 0
        self._order: list[int] = []
        self._origin: int | None = None

    def note(self, stamp: int | None) -> bool:
        """Take the next frame's timestamp. False: it is not later than the one before it, so the
        frame is never seen."""
        number, self._seen = self._seen, self._seen + 1
        before = self.starts[self._order[-1]] if self._order else None
        if stamp is None:
            start = 0 if before is None else before + self.frame
        else:
            self._origin = stamp if self._origin is None else self._origin
            start = self._tick(stamp - self._origin)
        if before is not None and start <= before:
            return False
        self.starts[number] = start
        self._order.append(number)
        return True

    def _tick(self, source_ticks: int) -> int:
        time = source_ticks * self._source_tick
        whole = round(time * self.rate)
        if abs(time - whole / self.rate) <= self._source_tick:
            return whole * self.frame
        return round(time / self.time_base)

    def duration(self, number: int) -> int:
        """Ticks until the next frame; a usual frame for the last."""
        following = number + 1
        while following < self._seen:
            if following in self.starts:
                return self.starts[following] - self.starts[number]
            following += 1
        return self.frame
