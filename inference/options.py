"""What a caller may choose about one synchronization, with defaults and ranges."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import isfinite
from typing import Any

from inference.errors import BadOption

STEPS_RANGE = (20, 50)
GUIDANCE_RANGE = (1.0, 3.0)
SEED_RANGE = (0, 2**63 - 1)


@dataclass(frozen=True)
class SyncOptions:
    """steps: denoising steps a window. guidance: how far to push away from silence; 1.0 is off.

    The engine itself runs any number of steps from 1 (tests do); check() holds what users send to
    the ranges above. device: "auto" takes the GPU where there is one.
    """

    steps: int = 20
    guidance: float = 1.5
    seed: int = 1247
    device: str = "auto"

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> "SyncOptions":
        """Build from JSON values. Raises BadOption for an unknown name or a wrong type."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(given) - known)
        if unknown:
            raise BadOption(f"There is no option called {unknown[0]}.")
        for name, value in given.items():
            _check_type(name, value)
        values = dict(given)
        if "guidance" in values:
            values["guidance"] = float(values["guidance"])
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        return asdict(self)

    def check(self) -> "SyncOptions":
        """Return self, or raise BadOption if a value is outside what a job may ask for."""
        _check_range("steps", self.steps, STEPS_RANGE)
        _check_range("guidance", self.guidance, GUIDANCE_RANGE)
        _check_range("seed", self.seed, SEED_RANGE)
        return self


_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "steps": ((int,), "a whole number"),
    "guidance": ((int, float), "a number"),
    "seed": ((int,), "a whole number"),
    "device": ((str,), "a word"),
}


def _check_type(name: str, value: object) -> None:
    types, wanted = _TYPES[name]
    # bool is an int to Python, but `steps: true` is a mistake.
    if isinstance(value, bool) or not isinstance(value, types):
        raise BadOption(f"The option {name} must be {wanted}, not {value!r}.")


def _check_range(name: str, value: float, limits: tuple[float, float]) -> None:
    low, high = limits
    if not isfinite(value) or not low <= value <= high:
        raise BadOption(f"The option {name} must lie between {low} and {high}; it is {value}.")
