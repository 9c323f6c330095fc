"""Whose mouth is painted: the option `face`, answered once enough of the film is seen.

Free of torch and cv2. The most prominent person is the one with the largest sum of area x time,
over usable faces, in the 10 seconds from the first usable face on; then that person alone, to the
end of the film. Equal sums: who was seen first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import hypot, inf
from typing import Any

from inference.faces.face import Box, Face
from inference.speakers import FaceChoice, Point, Turn

PROMINENCE_SECONDS = 10.0
# Diagonals of a box from its middle to a point that still means it; its corners are at 0.5.
REACH = 0.6

Who = int | Point | None


@dataclass(frozen=True)
class Task:
    """One person from `start` to `end`, in seconds of the source; the end is outside.

    who: a track's index, a Point, or None for the most prominent. sound: the path of what moves
    this mouth in place of the common sound.
    """

    who: Who = None
    start: float = 0.0
    end: float = inf
    sound: str | None = None

    def __str__(self) -> str:
        if self.who is None:
            who = "a face"
        elif isinstance(self.who, int):
            who = f"person {self.who}"
        else:
            place = f"{self.who.x:g},{self.who.y:g}"
            who = f"the person at {place} at {time_code(self.who.seconds)}"
        if self.start == 0 and self.end == inf:
            return who
        end = "the end" if self.end == inf else time_code(self.end)
        return f"{who} between {time_code(self.start)} and {end}"

    def covers(self, seconds: float) -> bool:
        return self.start <= seconds < self.end


def tasks(choice: FaceChoice) -> tuple[Task, ...]:
    """What the option `face` asks for; a single person is one task for the whole film."""
    if not isinstance(choice, tuple):
        return (Task(choice),)
    return tuple(_task(turn) for turn in choice)


def _task(turn: Turn) -> Task:
    return Task(turn.track, turn.start, inf if turn.end is None else turn.end, turn.sound)


@dataclass
class Chooser:
    """Turns "who" into tracks' indices as the film goes by. Show it every frame, in order."""

    tasks: tuple[Task, ...] = (Task(),)
    answers: dict[str, int | None] = field(default_factory=dict)  # who, as text -> track
    prominence: dict[int, float] = field(default_factory=dict)
    first_seen: float | None = None
    # Who is taken for the most prominent until that is decided, if somebody didn't want to wait.
    guessed: int | None = None
    # The frame before: a point is looked for in the frame that is *shown* at its time.
    last: list[tuple[int, Box]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for task in self.tasks:
            if isinstance(task.who, int):
                self.answers[str(task.who)] = task.who

    def observe(
        self, seconds: float, duration: float, seen: Sequence[tuple[int, Face, bool]]
    ) -> None:
        """seen: (track, face, usable) of a frame shown at `seconds` for `duration`."""
        for task in self.tasks:
            if isinstance(task.who, Point) and seconds > task.who.seconds:
                self._answer_point(task.who)
        usable = [(track, face) for track, face, good in seen if good]
        if self.first_seen is None and usable:
            self.first_seen = seconds
        if self.first_seen is not None and str(None) not in self.answers:
            if seconds >= self.first_seen + PROMINENCE_SECONDS:
                self._answer_prominent()
            for track, face in usable:
                area = face.width * face.height * duration
                self.prominence[track] = self.prominence.get(track, 0.0) + area
        self.last = [(track, face.box) for track, face, _ in seen]

    def finish(self) -> None:
        """The film is over: what is not answered by now finds its answer, or nobody."""
        for task in self.tasks:
            if isinstance(task.who, Point):
                self._answer_point(task.who)
        self._answer_prominent()

    def knows(self, task: Task) -> bool:
        """By a guess, too."""
        return str(task.who) in self.answers or (task.who is None and self.guessed is not None)

    def track_of(self, task: Task) -> int | None:
        """None: nobody, or not known yet (see knows())."""
        return self.answers.get(str(task.who), self.guessed if task.who is None else None)

    def guess(self) -> None:
        """Take who leads by now, if there is one, until it is decided. The first guess stays."""
        leader = max(self.prominence.items(), key=_prominent, default=None)
        if self.guessed is None and not self.firm and leader and leader[0] >= 0:
            self.guessed = leader[0]

    @property
    def firm(self) -> bool:
        """Whether who is the most prominent is decided for good, or nobody asks."""
        return str(None) in self.answers or all(task.who is not None for task in self.tasks)

    @property
    def guessing(self) -> bool:
        return self.guessed is not None and not self.firm

    @property
    def misled(self) -> bool:
        """Whether the guess was wrong."""
        return self.guessed is not None and self.firm and self.answers[str(None)] != self.guessed

    def rename(self, old: int, new: int) -> None:
        """One track turns out to be another, or gets its number."""
        if old in self.prominence:
            self.prominence[new] = self.prominence.get(new, 0.0) + self.prominence.pop(old)
        self.answers = {who: new if track == old else track for who, track in self.answers.items()}
        self.last = [(new if track == old else track, box) for track, box in self.last]

    def _answer_prominent(self) -> None:
        most = max(self.prominence.items(), key=_prominent, default=None)
        self.answers.setdefault(str(None), most and most[0])

    def _answer_point(self, point: Point) -> None:
        """The face whose middle is nearest; a little outside of its box is forgiven."""
        near = min(((_misses(point, box), track) for track, box in self.last), default=(inf, -1))
        self.answers.setdefault(str(point), near[1] if near[0] <= REACH else None)

    def state(self) -> dict[str, Any]:
        return {
            "answers": dict(self.answers),
            "prominence": [list(entry) for entry in self.prominence.items()],
            "first_seen": self.first_seen,
            "last": [[track, *box] for track, box in self.last],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.answers = dict(state["answers"])
        self.prominence = {int(track): float(total) for track, total in state["prominence"]}
        self.first_seen = state["first_seen"]
        self.last = [(int(track), (a, b, c, d)) for track, a, b, c, d in state["last"]]


def _prominent(entry: tuple[int, float]) -> tuple[float, int]:
    """What (track, sum of area x time) are compared by: equal sums go to who was seen first."""
    return entry[1], -entry[0]


def _misses(point: Point, box: Box) -> float:
    """Distance from a box's middle to the point, in diagonals of the box."""
    left, top, right, bottom = box
    diagonal = max(hypot(right - left, bottom - top), 1e-6)
    return hypot(point.x - (left + right) / 2, point.y - (top + bottom) / 2) / diagonal


def time_code(seconds: float) -> str:
    """As people say it: 61.25 -> 1:01.25."""
    minutes, rest = divmod(round(max(seconds, 0.0), 2), 60)
    return f"{int(minutes)}:{rest:05.2f}"
