"""Runs ahead of the painter: looks at every frame, once, in the source's order, in a thread and
with a media process of its own.

Whatever order the painter shows the frames in, forwards, backwards or from the middle on, it asks
the plan and gets the same answer.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from inference.errors import Canceled, EngineError, EngineFault, NoFace
from inference.faces import telling
from inference.faces.album import Album
from inference.faces.box_finder import BoxFinder
from inference.faces.choice import tasks
from inference.faces.face import Finder
from inference.faces.footage import FilmFootage, Footage
from inference.faces.lookout import Lookout
from inference.faces.plan import Plan
from inference.media import MediaLimits
from inference.picture.align import Aligner
from inference.speakers import FaceChoice

# So far it runs ahead of what was asked for: half a minute of film; enough for any window, and
# for the end of a film nobody wants no work is done.
AHEAD_FRAMES = 750
CLOSING_SECONDS = 10.0
PAUSE_SECONDS = 0.5  # between two looks at whether to go on


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
        self._resolution = aligner.resolution
        self.lookout = Lookout(self.finder, self.plan, self.album, self._resolution)
        for state in states:
            self.lookout.restore(state)
        seen = len(self.plan.log.numbers)
        self._footage = FilmFootage(path, seen, limits) if footage is None else footage
        self._closing = threading.Event()
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

    def notes(self, frames: int) -> list[tuple[str, str]]:
        """Warnings for the report, a stable code and a sentence each. frames: so many of the
        source's, from its first on, are shown."""
        with self.plan.changed:
            notes = self.album.notes(self._chosen(), self._resolution)
            for task in self.plan.idle(frames):
                notes.append(("turn_without_face", telling.idle(str(task))))
            return notes

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
        return self.lookout.state(since or {"frames": 0, "rows": {}})

    def _run(self) -> None:
        log = self.plan.log
        try:
            for number, seconds, rgb in () if log.finished else self._footage:
                if log.numbers and number <= log.numbers[-1]:
                    continue
                self.lookout.look(number, seconds, rgb)
                self._pause(number)
                if self._closing.is_set():
                    self._fail(Canceled("The search for faces was stopped."))
                    return
            self.lookout.finish()
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
