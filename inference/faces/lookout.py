"""Takes in one frame after the other: finds, follows and judges the faces in it."""

import threading
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from inference.faces.album import Album
from inference.faces.appearance import Glance, Small
from inference.faces.face import NO_FACE, Face, Finder, Rgb, judge, sound
from inference.faces.lanes import Lanes
from inference.faces.plan import Plan
from inference.faces.sight import Sight
from inference.faces.tracker import Tracker

USUAL_SECONDS = 0.04  # of a frame that nothing follows and nothing went before


class Seen(NamedTuple):
    """A face in the frame, and whose it is. reason, strength: see judge()."""

    track: int
    face: Face
    reason: str
    strength: float


class Lookout:
    """Writes into plan and album what it sees, with the plan's lock held. resolution: of the
    model."""

    def __init__(self, finder: Finder, plan: Plan, album: Album, resolution: int) -> None:
        self._finder, self._plan, self._album = finder, plan, album
        self._tracker, self._lanes = Tracker(), Lanes(plan.log, resolution)
        self._looking = threading.Lock()  # held while a frame is taken in

    def look(self, number: int, seconds: float, rgb: Rgb) -> None:
        """One frame: all that needs its pixels, then all that others may read."""
        with self._looking:
            small = Small.of(rgb)
            seen = self._find(small, rgb)
            sights = self._sights(small, seen) | self._unseen(small, seen)
            with self._plan.changed:
                self._write(number, seconds, sights)
                self._choose(seconds, seen)
                for one in seen:
                    self._album.see(seconds, one.track, one.face, one.reason, rgb)
                self._album.end = seconds
                self._rename(self._tracker.decided)
                self._plan.log.settled = self._lanes.settled(self._place - 1)
                self._plan.changed.notify_all()

    def finish(self) -> None:
        """The film is over: everything is decided."""
        with self._looking, self._plan.changed:
            log = self._plan.log
            if log.finished:
                return
            self._rename(self._tracker.finish())
            self._lanes.flush()
            log.settled = len(log.numbers)
            self._plan.chooser.finish()
            log.finished = True
            self._plan.changed.notify_all()

    def state(self, since: Mapping[str, Any]) -> dict[str, Any]:
        """See Scout.state()."""
        with self._looking, self._plan.changed:
            log = self._plan.log
            return {
                "frames": len(log.numbers),
                "rows": log.counts(),
                "log": log.state(since["frames"], since["rows"]),
                "finder": dict(self._finder.state()),
                "tracker": self._tracker.state(),
                "chooser": self._plan.chooser.state(),
                "album": self._album.state(),
                **self._lanes.state(),
            }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Several of them in their order, before the first look."""
        self._plan.log.extend(state["log"])
        self._finder.restore(state["finder"])
        self._tracker.restore(state["tracker"])
        self._plan.chooser.restore(state["chooser"])
        self._album.restore(state["album"])
        self._lanes.restore(state)

    @property
    def _place(self) -> int:
        """Of the next frame, from 0, without holes."""
        return len(self._plan.log.numbers)

    def _find(self, small: Small, rgb: Rgb) -> list[Seen]:
        height, width = rgb.shape[:2]
        faces = [face for face in self._finder.find_all(rgb) if sound(face, width, height)]
        owners = self._tracker.update(small, faces)
        return [
            Seen(track, face, *judge(face, width, height))
            for track, face in zip(owners, faces, strict=True)
        ]

    def _sights(self, small: Small, seen: Iterable[Seen]) -> dict[int, Sight]:
        return {
            one.track: Sight(
                self._place,
                None if one.reason else one.face.points3,
                one.reason,
                one.strength,
                Glance.at(small, one.face.points3),
                self._tracker.cut,
            )
            for one in seen
        }

    def _unseen(self, small: Small, seen: Iterable[Seen]) -> dict[int, Sight]:
        """Of who isn't in the frame: what is where they were last."""
        sights, there = {}, {one.track for one in seen}
        for track in self._lanes.awake():
            if track not in there:
                index = self._tracker.decided.get(track, track)
                glance = Glance.at(small, self._tracker.tracks[index].face.points3)
                sights[track] = Sight(self._place, None, NO_FACE, 0.0, glance, self._tracker.cut)
        return sights

    def _write(self, number: int, seconds: float, sights: Mapping[int, Sight]) -> None:
        log = self._plan.log
        log.numbers.append(number)
        log.times.append(seconds)
        log.people.append(min(255, sum(one.reason != NO_FACE for one in sights.values())))
        self._lanes.push(sights)

    def _choose(self, seconds: float, seen: Iterable[Seen]) -> None:
        times = self._plan.log.times
        # A frame's own duration is known with the next one; the last one's stands for it.
        duration = seconds - times[-2] if len(times) > 1 else USUAL_SECONDS
        faces = [(one.track, one.face, not one.reason) for one in seen]
        self._plan.chooser.observe(seconds, duration, faces)

    def _rename(self, decided: Mapping[int, int]) -> None:
        for old, new in decided.items():
            for book in (self._lanes, self._plan.log, self._plan.chooser, self._album):
                book.rename(old, new)
