"""What a caller may choose about one synchronization, with defaults and ranges."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from math import isfinite
from typing import Any

from inference.errors import BadOption
from inference.speakers import FaceChoice, Point, face_choice

STEPS_RANGE = (20, 50)
FAST_STEPS_RANGE = (4, 50)
GUIDANCE_RANGE = (1.0, 3.0)
SEED_RANGE = (0, 2**63 - 1)
QUALITY_RANGE = (0, 51)
REFERENCE_RATE = 25

LENGTHS = ("audio", "loop", "hold", "cut", "video")
SILENCES = ("model", "keep")
SPEEDS = ("exact", "fast")
CODECS = ("h264", "hevc")


@dataclass(frozen=True)
class SyncOptions:
    """steps: denoising steps a window. guidance: how far to push away from silence; 1.0 is off.

    The engine itself runs any number of steps from 1 (tests do); check() holds what users send to
    the ranges above. device: "auto" takes the GPU where there is one.

    length: how long the result lasts. "audio", "loop" and "hold": as long as the sound, a shorter
    video playing forwards and backwards, from its start again, or standing still at its end; "cut":
    as the shorter of both; "video": as the video, whose frames after the sound stay as they are.
    silence: "keep" leaves the frames as they are where nothing is heard.
    face: who speaks: None the most prominent face, an index of a probe's tracks, a Point (or its
    text "X,Y@SECONDS"), or a list of Turns. face_box: x, y, width and height of a face that no
    finder sees, in pixels of the upright picture.
    frame_rate: None keeps the video's own frames; 25 shows it at LatentSync's rate.
    color_match: bring the patch's colors to those around it. speed: "fast" takes approximations,
    and may take fewer steps. codec: None goes by the source; quality: the encoder's CRF, lower is
    better. exact_size: code an odd width or height as it is, in 4:4:4.
    """

    steps: int = 20
    guidance: float = 1.5
    seed: int = 1247
    device: str = "auto"
    length: str = "audio"
    silence: str = "model"
    face: FaceChoice = None
    face_box: tuple[int, int, int, int] | None = None
    frame_rate: int | None = None
    color_match: bool = True
    speed: str = "exact"
    codec: str | None = None
    quality: int | None = None
    exact_size: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "face", face_choice(self.face))
        if self.face_box is not None:
            object.__setattr__(self, "face_box", tuple(self.face_box))

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> "SyncOptions":
        """Build from JSON values. Raises BadOption for an unknown name or a wrong type."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(given) - known)
        if unknown:
            raise BadOption(
                f"There is no option called {unknown[0]}.", hint=_meant(unknown[0], known)
            )
        for name, value in given.items():
            _check_type(name, value)
        values = dict(given)
        if "guidance" in values:
            values["guidance"] = float(values["guidance"])
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        """JSON-ready; from_mapping() takes it back."""
        mapping = {field.name: getattr(self, field.name) for field in fields(self)}
        if isinstance(self.face, Point):
            mapping["face"] = str(self.face)
        elif isinstance(self.face, tuple):
            mapping["face"] = [turn.to_mapping() for turn in self.face]
        if self.face_box is not None:
            mapping["face_box"] = list(self.face_box)
        return mapping

    def check(self) -> "SyncOptions":
        """Return self, or raise BadOption if a value is outside what a job may ask for."""
        _check_range("steps", self.steps, _steps_range(self.speed))
        _check_range("guidance", self.guidance, GUIDANCE_RANGE)
        _check_range("seed", self.seed, SEED_RANGE)
        _check_word("length", self.length, LENGTHS)
        _check_word("silence", self.silence, SILENCES)
        _check_word("speed", self.speed, SPEEDS)
        if self.codec is not None:
            _check_word("codec", self.codec, CODECS)
        if self.quality is not None:
            _check_range("quality", self.quality, QUALITY_RANGE)
        self._check_frame_rate()
        self._check_face()
        return self

    def _check_frame_rate(self) -> None:
        if self.frame_rate not in (None, REFERENCE_RATE):
            raise BadOption(
                f"The option frame_rate can be {REFERENCE_RATE} or be left out;"
                f" it is {self.frame_rate}.",
                hint=_default("frame_rate"),
            )

    def _check_face(self) -> None:
        if self.face_box is not None and min(self.face_box[2:]) < 1:
            raise BadOption("The option face_box must have a width and a height of 1 or more.")
        if self.face is not None and self.face_box is not None:
            raise BadOption(
                "The options face and face_box exclude each other.",
                hint="Leave one of them out: face_box is for a face that no finder sees.",
            )


def _steps_range(speed: str) -> tuple[int, int]:
    return FAST_STEPS_RANGE if speed == "fast" else STEPS_RANGE


_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "steps": ((int,), "a whole number"),
    "guidance": ((int, float), "a number"),
    "seed": ((int,), "a whole number"),
    "device": ((str,), "a word"),
    "length": ((str,), "a word"),
    "silence": ((str,), "a word"),
    "face": ((int, str, list, tuple), "an index, X,Y@SECONDS or a list of speakers"),
    "face_box": ((list, tuple), "four whole numbers: x, y, width, height"),
    "frame_rate": ((int,), "a whole number"),
    "color_match": ((bool,), "true or false"),
    "speed": ((str,), "a word"),
    "codec": ((str,), "a word"),
    "quality": ((int,), "a whole number"),
    "exact_size": ((bool,), "true or false"),
}
# Left out and null mean the same for these: the engine decides.
_MAY_BE_NONE = {"face", "face_box", "frame_rate", "codec", "quality"}


def _check_type(name: str, value: object) -> None:
    types, wanted = _TYPES[name]
    if value is None and name in _MAY_BE_NONE:
        return
    fits = isinstance(value, types)
    # bool is an int to Python, but `steps: true` is a mistake.
    if isinstance(value, bool) and bool not in types:
        fits = False
    if name == "face_box" and fits:
        fits = isinstance(value, list | tuple) and _four_whole(value)
    if not fits:
        raise BadOption(f"The option {name} must be {wanted}, not {value!r}.", hint=_default(name))


def _four_whole(value: Sequence[object]) -> bool:
    return len(value) == 4 and all(type(part) is int for part in value)


def _check_range(name: str, value: float, limits: tuple[float, float]) -> None:
    low, high = limits
    if not isfinite(value) or not low <= value <= high:
        raise BadOption(
            f"The option {name} must lie between {low} and {high}; it is {value}.",
            hint=_default(name),
        )


def _check_word(name: str, value: str, words: Sequence[str]) -> None:
    if value not in words:
        near = get_close_matches(value, words, n=1)
        raise BadOption(
            f"The option {name} is one of {', '.join(words)}; it is {value!r}.",
            hint=f"Did you mean {near[0]}?" if near else _default(name),
        )


def _meant(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"Did you mean {near[0]}?" if near else f"There are {', '.join(sorted(known))}."


def _default(name: str) -> str:
    """What to do where a value isn't worth correcting."""
    default = getattr(SyncOptions, name)
    if default is None:
        return f"Without {name} the engine decides by the video."
    return f"Without {name} it is {json.dumps(default)}."
