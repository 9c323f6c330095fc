"""The last stage of a lane: the mouth fades at the edges of gaps that are not bridged."""

from dataclasses import dataclass, field, replace

from inference.faces.sight import BRIDGE_FRAMES, Sight

FADE_FRAMES = 3


@dataclass
class Fader:
    """Lets the mouth come and go over 3 frames at the edges of gaps that are not bridged and
    longer than 5 frames. absent: frames without the mouth so far."""

    absent: int = 0
    shown: int = 0  # since the last long gap, up to 3
    fading_in: bool = False
    waiting: list[Sight] = field(default_factory=list)

    def push(self, sight: Sight) -> list[Sight]:
        if sight.points is None:
            self.absent += 1
            if self.absent > BRIDGE_FRAMES:
                return self._gap(sight)
            self.waiting.append(sight)
            return []
        if self.absent > BRIDGE_FRAMES:
            self.fading_in, self.shown = True, 0
        self.absent = 0
        self.shown += 1
        if self.fading_in:
            self.fading_in = self.shown < FADE_FRAMES
            sight = _weaker(sight, self.shown)
        self.waiting.append(sight)
        return self._settled()

    def flush(self) -> list[Sight]:
        waiting, self.waiting = self.waiting, []
        return waiting

    def _gap(self, sight: Sight) -> list[Sight]:
        """A long gap it is: what waits before it fades out."""
        before = [at for at, one in enumerate(self.waiting) if one.points is not None]
        for steps, at in enumerate(reversed(before[-FADE_FRAMES:]), start=1):
            self.waiting[at] = _weaker(self.waiting[at], steps)
        return [*self.flush(), sight]

    def _settled(self) -> list[Sight]:
        """All but the last 3 frames with a mouth, which may have to fade out yet."""
        shown = [at for at, one in enumerate(self.waiting) if one.points is not None]
        ready = shown[-FADE_FRAMES] if len(shown) > FADE_FRAMES else 0
        settled, self.waiting = self.waiting[:ready], self.waiting[ready:]
        return settled


def _weaker(sight: Sight, steps: int) -> Sight:
    """The mouth so many frames from a gap: 1/4, 2/4, 3/4, but never above what it may be."""
    return replace(sight, strength=min(sight.strength, steps / (FADE_FRAMES + 1)))
