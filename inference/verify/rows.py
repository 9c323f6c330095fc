"""One line of the table, and how two values are compared."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from inference.verify.folder import Arrays, Folder, MissingArray


class Verdict(StrEnum):
    OK = "ok"
    FAIL = "FAIL"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Row:
    """difference and limit are ready to print; note says why there is none."""

    name: str
    verdict: Verdict
    difference: str = ""
    limit: str = ""
    note: str = ""


@dataclass(frozen=True)
class Check:
    """What computes the rows of some files. The last of them holds the goldens."""

    files: tuple[str, ...]
    rows: Callable[[Folder], Iterable[Row]]


def absent(name: str, note: str = "") -> Row:
    return Row(name, Verdict.ABSENT, note=note)


def unknown(name: str) -> Row:
    return Row(name, Verdict.UNKNOWN, note="nothing here knows what it holds")


def never_asked(arrays: Arrays) -> Iterator[Row]:
    """A row for each array of a file that no check looked at."""
    for name in arrays.never_asked():
        yield unknown(f"{arrays.file} {name}")


def attempt(name: str, compute: Callable[[], Iterable[Row]]) -> Iterator[Row]:
    """The rows; or, where they can't be computed, one that says so. Never an exception."""
    try:
        yield from compute()
    except MissingArray as missing:
        yield absent(name, f"needs the array {missing.name}")
    except Exception as wrong:
        yield Row(name, Verdict.FAIL, note=f"{type(wrong).__name__}: {wrong}")


def near(
    name: str, ours: Tensor | ArrayLike, golden: ArrayLike, limit: float, mean: float | None = None
) -> Row:
    """The largest difference, and the mean one where it has a limit too."""
    found, wanted = _pair(ours, golden)
    if found.shape != wanted.shape:
        return _other_shape(name, found, wanted)
    difference = np.abs(found.astype(np.float64) - wanted.astype(np.float64))
    largest, average = difference.max(initial=0.0), float(difference.mean())
    # Written so that not-a-number fails.
    good = largest <= limit and (mean is None or average <= mean)
    told, bound = f"{largest:.3g}", f"{limit:g}"
    if mean is not None:
        told, bound = f"{told}, mean {average:.2g}", f"{bound}, mean {mean:g}"
    return Row(name, Verdict.OK if good else Verdict.FAIL, told, bound)


def equal(name: str, ours: Tensor | ArrayLike, golden: ArrayLike) -> Row:
    """How many values differ at all."""
    found, wanted = _pair(ours, golden)
    if found.shape != wanted.shape:
        return _other_shape(name, found, wanted)
    return counted(name, int((found != wanted).sum()), 0)


def counted(name: str, differing: int, limit: int, *, note: str = "") -> Row:
    verdict = Verdict.OK if differing <= limit else Verdict.FAIL
    return Row(name, verdict, f"{differing} differ", f"{limit}", note)


def _pair(
    ours: Tensor | ArrayLike, golden: ArrayLike
) -> tuple[np.ndarray[tuple[int, ...], np.dtype], np.ndarray[tuple[int, ...], np.dtype]]:
    found = ours.numpy() if isinstance(ours, Tensor) else np.asarray(ours)
    return found, np.asarray(golden)


def _other_shape(
    name: str,
    ours: np.ndarray[tuple[int, ...], np.dtype],
    golden: np.ndarray[tuple[int, ...], np.dtype],
) -> Row:
    note = f"shape {ours.shape} instead of {golden.shape}"
    return Row(name, Verdict.FAIL, note=note)
