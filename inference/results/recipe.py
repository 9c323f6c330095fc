"""What a result is made from: a recipe, and an edit for each part that was made anew."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from inference.media.info import ratio
from inference.options import SyncOptions

# What decides which frames there are and how they are coded: it can't differ within one result.
COMMON_OPTIONS = ("length", "frame_rate", "codec", "quality", "exact_size")


@dataclass(frozen=True)
class Recipe:
    """What a result is made from; two equal ones make equal frames.

    video, audio, sounds (of the option `face`, by path): SHA-256. device: what the model runs on.
    """

    video: str
    audio: str
    sounds: Mapping[str, str]
    options: SyncOptions
    model: Mapping[str, Any]
    device: str

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> "Recipe":
        return cls(**{**given, "options": SyncOptions.from_mapping(given["options"])})

    def to_mapping(self) -> dict[str, Any]:
        return {
            "video": self.video,
            "audio": self.audio,
            "sounds": dict(self.sounds),
            "options": _told(self.options),
            "model": dict(self.model),
            "device": self.device,
        }

    def common(self) -> dict[str, Any]:
        """What an earlier result must share with a part that is made anew."""
        options = self.options.to_mapping()
        return {
            "video": self.video,
            "audio": self.audio,
            "model": dict(self.model),
            "device": self.device,
        } | {name: options[name] for name in COMMON_OPTIONS}


@dataclass(frozen=True)
class Edit:
    """A part that was made anew: the frames that begin within [start, end), in exact seconds of
    the result."""

    start: Fraction
    end: Fraction
    options: SyncOptions
    sounds: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> "Edit":
        options = SyncOptions.from_mapping(given["options"])
        return cls(Fraction(given["from"]), Fraction(given["to"]), options, dict(given["sounds"]))

    def to_mapping(self) -> dict[str, Any]:
        return {
            "from": ratio(self.start),
            "to": ratio(self.end),
            "options": _told(self.options),
            "sounds": dict(self.sounds),
        }

    def covers(self, seconds: Fraction) -> bool:
        return self.start <= seconds < self.end

    def touches(self, start: Fraction, end: Fraction) -> bool:
        return self.start < end and start < self.end


def _told(options: SyncOptions) -> dict[str, Any]:
    """Without the device that was asked for: what it ran on is told apart."""
    mapping = options.to_mapping()
    del mapping["device"]
    return mapping


def alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two recipes' mappings make equal frames; one that can't be read is like none."""
    with suppress(TypeError, KeyError, AttributeError):
        return _by_content(one) == _by_content(other)
    return False


def _by_content(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's mapping with hashes in the place of paths: files may lie elsewhere by now."""
    sounds, options = dict(recipe["sounds"]), dict(recipe["options"])
    if isinstance(options["face"], list):
        options["face"] = [
            turn | {"sound": sounds[turn["sound"]] if turn["sound"] else None}
            for turn in options["face"]
        ]
    return {**recipe, "options": options, "sounds": sorted(sounds.values())}
