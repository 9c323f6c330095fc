"""Who speaks: the option `face`, from words or JSON to what a run goes by."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inference.errors import BadOption


@dataclass(frozen=True)
class Point:
    """The face that lies at (x, y), in pixels of the upright picture, `seconds` into the video."""

    x: float
    y: float
    seconds: float

    @classmethod
    def parse(cls, text: str) -> "Point":
        """From "X,Y@SECONDS"."""
        number = r"(\d{1,6}(?:\.\d{1,6})?)"
        match = re.fullmatch(rf"{number},{number}@{number}", text.replace(" ", ""), re.ASCII)
        if match is None:
            raise BadOption(f"A face is named by its index or as X,Y@SECONDS, not as {text!r}.")
        return cls(*map(float, match.groups()))

    def __str__(self) -> str:
        x, y, seconds = (
            f"{value:.6f}".rstrip("0").rstrip(".") for value in (self.x, self.y, self.seconds)
        )
        return f"{x},{y}@{seconds}"


@dataclass(frozen=True)
class Turn:
    """One speaker's part of a scene: who, from when to when in seconds of the video (`end` None:
    to the end), and, if not the common one, the path of the sound that moves this mouth. That sound
    lies on the result's time like the common one: a track of the same recording, silent where
    others speak. What is heard in the result is always the common sound."""

    track: int | Point
    start: float = 0.0
    end: float | None = None
    sound: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "track", _track(self.track))

    @classmethod
    def from_mapping(cls, given: object) -> "Turn":
        """From {"track", "from", "to", "sound"}; only "track" must be there."""
        if not isinstance(given, Mapping) or "track" not in given:
            raise BadOption("The option face as a list needs objects with a track each.")
        if unknown := sorted(set(given) - {"track", "from", "to", "sound"}):
            raise BadOption(f"A speaker of the option face has no {unknown[0]!r}.")
        start, end, sound = given.get("from"), given.get("to"), given.get("sound")
        if sound is not None and (not isinstance(sound, str) or not sound or "\0" in sound):
            raise BadOption(f"A speaker's sound in the option face is a path, not {sound!r}.")
        turn = cls(
            given["track"],
            0.0 if start is None else _seconds("from", start),
            None if end is None else _seconds("to", end),
            sound,
        )
        if turn.end is not None and turn.end <= turn.start:
            raise BadOption("A speaker's time in the option face ends before it begins.")
        return turn

    def to_mapping(self) -> dict[str, Any]:
        track = str(self.track) if isinstance(self.track, Point) else self.track
        return {"track": track, "from": self.start, "to": self.end, "sound": self.sound}


FaceChoice = int | Point | tuple[Turn, ...] | None


def face_choice(given: Any) -> FaceChoice:
    """None for the most prominent face. Raises BadOption for what names no speaker."""
    if given is None:
        return None
    if isinstance(given, Sequence) and not isinstance(given, str):
        if not given:
            raise BadOption("The option face as a list needs at least one speaker.")
        return tuple(turn if isinstance(turn, Turn) else Turn.from_mapping(turn) for turn in given)
    return _track(given)


def sounds(choice: FaceChoice) -> list[str]:
    """Paths of the sounds that speakers have of their own."""
    turns = choice if isinstance(choice, tuple) else ()
    return [turn.sound for turn in turns if turn.sound is not None]


def _track(given: object) -> int | Point:
    if isinstance(given, Point):
        return given
    if isinstance(given, str):
        return int(given) if re.fullmatch(r"\d{1,6}", given, re.ASCII) else Point.parse(given)
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise BadOption(f"The option face names a track by its index from 0, not by {given!r}.")
    return given


def _seconds(name: str, given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < 1e6:
        raise BadOption(f"A speaker's {name!r} in the option face is in seconds, not {given!r}.")
    return float(given)
