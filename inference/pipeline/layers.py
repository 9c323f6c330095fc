"""What a frame is painted by: options, whose faces speak, and what they say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

from inference.options import SyncOptions
from inference.picture.align import Matrix


class Part(Protocol):
    """A face of one frame that gets a new mouth."""

    @property
    def track(self) -> int: ...

    @property
    def matrix(self) -> Matrix: ...

    @property
    def opacity(self) -> float: ...

    @property
    def bridged(self) -> bool: ...

    @property
    def sound(self) -> str | None: ...


class Plan(Protocol):
    """Which faces of a source frame speak, by the frame's number in the source."""

    def at(self, number: int) -> Sequence[Part]: ...

    def reason(self, number: int) -> str:
        """Why at() is empty, in a word."""

    @property
    def firm(self) -> bool:
        """No answer from now on is a guess."""

    @property
    def guessed(self) -> bool:
        """Some answer was, or may have been, a guess at whose mouth is painted."""

    @property
    def misled(self) -> bool:
        """The guess was wrong."""

    def wait_until_firm(self, check: Callable[[], None]) -> None: ...


class Heard(Protocol):
    """What the network hears of a sound."""

    def windows_at(self, seconds: Sequence[Fraction]) -> Tensor: ...


class Gate(Protocol):
    """Where a sound is not silent."""

    def opacity(self, seconds: Sequence[Fraction]) -> npt.NDArray[np.floating]: ...


@dataclass(frozen=True)
class Voice:
    """One sound. heard: None for a network that hears nothing. gate: None where silence makes no
    difference."""

    duration: Fraction
    heard: Heard | None = None
    gate: Gate | None = None

    def opacity(self, seconds: Sequence[Fraction]) -> list[float]:
        """0 where nothing is to be painted: in silence that is kept, and after the sound."""
        gated = self.gate.opacity(seconds) if self.gate else np.ones(len(seconds))
        return [
            float(opacity) if time < self.duration else 0.0
            for opacity, time in zip(gated, seconds, strict=True)
        ]


@dataclass(frozen=True)
class Layer:
    """Options and what follows from them. voices: by the path of a Turn's own sound, the common
    one under None."""

    options: SyncOptions
    plan: Plan
    voices: Mapping[str | None, Voice]
