"""Runs ahead of the painter: finds, follows and judges the faces of every frame, once, in the
source's order, in a thread and with a media process of its own.

Whatever order the painter shows the frames in, forwards, backwards or from the middle on, it asks
the plan and gets the same answer.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from inference.align import Aligner
from inference.errors import Canceled, EngineError, EngineFault, NoFace
from inference.faces.album import Album
from inference.faces.appearance import Glance, Small
from inference.faces.box_finder import BoxFinder
from inference.faces.choice import tasks
from inference.faces.face import NO_FACE, Face, Finder, Rgb, judge, sound
from inference.faces.lane import Lane, Sight
from inference.faces.plan import Plan
from inference.faces.tracker import Tracker
from inference.media import MediaLimits, open_frames
from inference.media.color import to_rgb
from inference.media.source import Frames
from inference.speakers import FaceChoice

# So far it runs ahead of what was asked for: half a minute of film; enough for any window, and
# for the end of a film nobody wants no work is done.
AHEAD_FRAMES = 750
CLOSING_SECONDS = 10.0
PAUSE_SECONDS = 0.5  # between two looks at whether to go on


# Frames in the source's order: number, seconds, and (H, W, 3). Iterated once.
Footage = Iterable[tuple[int, float, Rgb]]


class FilmFootage:
    """A file's frames, once, forwards. first: how many are left out at its beginning."""

    def __init__(self, path: Path, first: int, limits: MediaLimits | None = None) -> None:
        self._path, self._first, self._limits = path, first, limits
        self._frames: Frames | None = None
        self._stopped = False

    def __iter__(self) -> Iterator[tuple[int, float, Rgb]]:
        with open_frames(self._path, None, first=self._first, limits=self._limits) as frames:
            self._frames = frames
            tick = frames.film.time_base
            for frame in frames:
                if self._stopped:
                    return
                yield frame.number, float(frame.time * tick), to_rgb(frame.picture, quick=True)

    def stop(self) -> None:
        """From any thread; the iteration ends at once, with an error if it waited."""
        self._stopped = True
        if self._frames is not None:
            self._frames.stop()


class Scout:
    """plan: what it knows; see Plan.at().

    choice: the option `face`. aligner: of the model's resolution; each person gets a fresh one
    like it. face_box: x, y, width and height of a face that no finder sees, in place of one.
    footage: in place of the file's own frames, for tests. Use as a context, or start() and
    close(); close() returns within 10 seconds whatever the file does. states: of an earlier run of
    the same film with the same options, which this one continues; see state(). guesses: see Plan.
    """

    def __init__(
        self,
        path: Path,
        finder: Finder,
        choice: FaceChoice,
        aligner: Aligner,
        *,
        face_box: tuple[float, float, float, float] | None = None,
        limits: MediaLimits | None = None,
        footage: Footage | None = None,
        should_cancel: Callable[[], bool] | None = None,
        states: Sequence[Mapping[str, Any]] = (),
        guesses: bool = False,
    ) -> None:
        self.finder: Finder = finder if face_box is None else BoxFinder(face_box)
        self.plan = Plan(tasks(choice), should_cancel, guesses=guesses)
        self.album = Album()
        self._tracker = Tracker()
        self._resolution = aligner.resolution
        self._aligners: dict[int, Aligner] = {}
        self._lanes: dict[int, Lane] = {}
        for state in states:
            self._restore(state)
        seen = len(self.plan.log.numbers)
        self._footage = FilmFootage(path, seen, limits) if footage is None else footage
        self._closing = threading.Event()
        self._looking = threading.Lock()  # held while a frame is taken in
        self._thread = threading.Thread(target=self._run, name="scout", daemon=True)

    def __enter__(self) -> "Scout":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> "Scout":
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop wherever it is. The plan keeps what is known."""
        self._closing.set()
        if isinstance(self._footage, FilmFootage):
            self._footage.stop()
        with self.plan.changed:
            self.plan.changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(CLOSING_SECONDS)

    def faces_json(self) -> dict[str, Any]:
        """The tracks as known by now: index, box, time range, thumbnail (JPEG in base64)."""
        with self.plan.changed:
            return self.album.to_mapping(self._chosen())

    def notes(self) -> list[tuple[str, str]]:
        """Warnings for the report, a stable code and a sentence each."""
        with self.plan.changed:
            return self.album.notes(self._chosen(), self._resolution)

    def _chosen(self) -> dict[int, list[str]]:
        """Track -> the turns it was chosen for."""
        chosen: dict[int, list[str]] = {}
        for task in self.plan.tasks:
            track = self.plan.chooser.track_of(task)
            if track is not None and track in self.album.people:
                chosen.setdefault(track, []).append(str(task))
        return chosen

    def no_face(self) -> NoFace:
        """What to raise when no frame of the result has a part."""
        with self.plan.changed:
            return self.album.no_face(self.plan.tasks)

    def state(self, since: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """For JSON: all that going on from here needs. since: an earlier one, after which this
        one's records begin; a Scout takes `states`, all of them in order.

        About 33 bytes a frame and face, and 10 KB for each person.
        """
        before = since or {"frames": 0, "rows": {}}
        with self._looking, self.plan.changed:
            log = self.plan.log
            return {
                "frames": len(log.numbers),
                "rows": log.counts(),
                "log": log.state(before["frames"], before["rows"]),
                "finder": dict(self.finder.state()),
                "tracker": self._tracker.state(),
                "chooser": self.plan.chooser.state(),
                "album": self.album.state(),
                "aligners": {str(track): one.state() for track, one in self._aligners.items()},
                "lanes": {str(track): lane.state() for track, lane in self._lanes.items()},
            }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.plan.log.extend(state["log"])
        self.finder.restore(state["finder"])
        self._tracker.restore(state["tracker"])
        self.plan.chooser.restore(state["chooser"])
        self.album.restore(state["album"])
        self._aligners = {int(track): Aligner(self._resolution) for track in state["aligners"]}
        for track, aligner in self._aligners.items():
            aligner.restore(state["aligners"][str(track)])
        self._lanes = {int(track): Lane(0) for track in state["lanes"]}
        for track, lane in self._lanes.items():
            lane.restore(state["lanes"][str(track)])

    def _run(self) -> None:
        log = self.plan.log
        try:
            for number, seconds, rgb in () if log.finished else self._footage:
                if log.numbers and number <= log.numbers[-1]:
                    continue
                with self._looking:
                    self._look(number, seconds, rgb)
                self._pause(number)
                if self._closing.is_set():
                    self._fail(Canceled("The search for faces was stopped."))
                    return
            with self._looking:
                self._finish()
        except EngineError as error:
            stopped = Canceled("The search for faces was stopped.")
            self._fail(stopped if self._closing.is_set() else error)
        except Exception as error:
            fault = EngineFault(f"The search for faces broke: {error}.")
            fault.__cause__ = error
            self._fail(fault)

    def _fail(self, error: EngineError) -> None:
        with self.plan.changed:
            self.plan.error = error
            self.plan.changed.notify_all()

    def _pause(self, number: int) -> None:
        plan = self.plan
        with plan.changed:
            while not self._closing.is_set() and plan.is_ahead(number, AHEAD_FRAMES):
                plan.changed.wait(PAUSE_SECONDS)

    def _look(self, number: int, seconds: float, rgb: Rgb) -> None:
        """One frame: all that needs its pixels, then all that others may read."""
        height, width = rgb.shape[:2]
        small = Small.of(rgb)
        faces = [face for face in self.finder.find_all(rgb) if sound(face, width, height)]
        owners = self._tracker.update(small, faces)
        judged = [judge(face, width, height) for face in faces]
        place = len(self.plan.log.numbers)
        sights = {
            track: Sight(
                place,
                None if reason else face.points3,
                reason,
                strength,
                Glance.at(small, face.points3),
                self._tracker.cut,
            )
            for track, face, (reason, strength) in zip(owners, faces, judged, strict=True)
        }
        for track, lane in self._lanes.items():
            if track not in sights and not lane.asleep:
                index = self._tracker.decided.get(track, track)
                where = self._tracker.tracks[index].face.points3
                glance = Glance.at(small, where)
                sights[track] = Sight(place, None, NO_FACE, 0.0, glance, self._tracker.cut)
        with self.plan.changed:
            self._write(number, seconds, sights)
            seen = [
                (track, face, not reason)
                for track, face, (reason, _) in zip(owners, faces, judged, strict=True)
            ]
            self._show(place, seconds, seen)
            for track, face, (reason, _) in zip(owners, faces, judged, strict=True):
                self.album.see(seconds, track, face, reason, rgb)
            self.album.end = seconds
            self._rename(self._tracker.decided)
            self._settle(place)
            self.plan.changed.notify_all()

    def _write(self, number: int, seconds: float, sights: dict[int, Sight]) -> None:
        log, place = self.plan.log, len(self.plan.log.numbers)
        log.numbers.append(number)
        log.times.append(seconds)
        log.people.append(min(255, sum(one.reason != NO_FACE for one in sights.values())))
        for track, sight in sights.items():
            lane = self._lanes.setdefault(track, Lane(place))
            self._record(track, lane.push(sight))

    def _rename(self, decided: Mapping[int, int]) -> None:
        """Who was undecided is somebody: what they did so far is that track's."""
        for old, new in decided.items():
            if new in self._lanes:
                self._record(new, self._lanes[new].flush())
            self._lanes[new] = self._lanes.pop(old)
            if old in self._aligners:
                self._aligners[new] = self._aligners.pop(old)
            for book in (self.plan.log, self.plan.chooser, self.album):
                book.rename(old, new)

    def _settle(self, place: int) -> None:
        """Frames before the first that a lane, or who somebody is, leaves open."""
        awake = [lane.settled_to for lane in self._lanes.values() if not lane.asleep]
        undecided = [lane.born for track, lane in self._lanes.items() if track < 0]
        self.plan.log.settled = min([*awake, *undecided], default=place + 1)

    def _show(self, place: int, seconds: float, seen: list[tuple[int, Face, bool]]) -> None:
        times = self.plan.log.times
        # A frame's own duration is known with the next one; the last one's stands for it.
        duration = seconds - times[place - 1] if place else 0.04
        self.plan.chooser.observe(seconds, duration, seen)

    def _record(self, track: int, settled: Iterable[Sight]) -> None:
        rows = self.plan.log.rows(track)
        for sight in settled:
            if sight.points is None:
                if sight.reason != NO_FACE:
                    rows.add(sight.place, sight.reason, 0.0, False, None)
                continue
            aligner = self._aligners.get(track)
            if aligner is None:
                aligner = self._aligners[track] = Aligner(self._resolution)
            matrix = None
            with suppress(ValueError):  # the points coincide, by interpolation: no face after all
                matrix = aligner.matrix(sight.points)
            reason = "" if matrix is not None else NO_FACE
            rows.add(sight.place, reason, sight.strength, sight.bridged, matrix)

    def _finish(self) -> None:
        with self.plan.changed:
            if self.plan.log.finished:
                return
            self._rename(self._tracker.finish())
            for track, lane in self._lanes.items():
                self._record(track, lane.flush())
            self.plan.log.settled = len(self.plan.log.numbers)
            self.plan.chooser.finish()
            self.plan.log.finished = True
            self.plan.changed.notify_all()
