"""Does this engine compute what LatentSync computes? A folder of golden data says so, row by row.

The layout is what the checks name: `files` of each. All widths, sizes, lengths, step counts and
guidance values are read from the files.
"""

import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

from inference.verify import lists, networks, pictures, sound
from inference.verify.folder import Folder
from inference.verify.rows import Check, Row, Verdict, absent, attempt, unknown
from inference.verify.table import print_row, print_summary

CHECKS: tuple[Check, ...] = (
    *lists.CHECKS,
    *sound.CHECKS,
    *pictures.CHECKS,
    *networks.CHECKS,
)
# Written beside golden data for people to read; they expect nothing of an engine.
ASIDE = ("README*", "measured*.json", "*_measured.json", "block_stats.json")


def run(path: Path, strict: bool = False) -> int:
    """Print the table on standard output; 1 if a row fails or nothing could be compared, else 0.

    strict: what is absent fails too.
    """
    if not path.is_dir():
        print(f"{path} is no folder; name the one that holds the golden data.", file=sys.stderr)
        return 1
    failing = {Verdict.FAIL, Verdict.ABSENT} if strict else {Verdict.FAIL}
    rows = []
    for row in verify(path):
        print_row(row)
        rows.append(row)
    print_summary(rows)
    compared = any(row.verdict is Verdict.OK for row in rows)
    return int(not compared or any(row.verdict in failing for row in rows))


def verify(path: Path) -> Iterator[Row]:
    """A row for each golden value, each file that should be there, each that nobody knows."""
    folder = Folder(path)
    checks = [*CHECKS, *pictures.other_sizes(folder)]
    told: set[str] = set()
    for check in checks:
        yield from _missing(check, folder, told)
        if all(folder.has(file) for file in check.files):
            yield from attempt(check.files[-1], partial(check.rows, folder))
    known = {file for check in checks for file in check.files}
    for file in folder.files():
        if file not in known and not any(fnmatch(Path(file).name, one) for one in ASIDE):
            yield unknown(file)


def _missing(check: Check, folder: Folder, told: set[str]) -> Iterator[Row]:
    """A row for each file that isn't there, and for the golden one that can't do without it."""
    missing = [file for file in check.files if not folder.has(file)]
    for file in missing:
        if file not in told:
            told.add(file)
            yield absent(file)
    golden = check.files[-1]
    if missing and golden not in missing:
        yield absent(golden, f"needs {missing[0]}")
