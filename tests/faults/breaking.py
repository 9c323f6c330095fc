"""Takes guards out of a copy of the tree, one at a time, and says whether tests fail that must."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from portal.environment import ROOT

LEFT_OUT = shutil.ignore_patterns(".viseme", ".git", ".*_cache", "__pycache__")
PATIENCE = {"FAULTS_PATIENCE_SECONDS": "15"}  # what a broken product never does is waited for


@dataclass(frozen=True)
class Break:
    """`old` stands in `file` exactly once; with `new` instead, every one of `tests` fails."""

    guard: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def main(breaks: Sequence[Break], words: list[str]) -> int:
    chosen = [one for one in breaks if not words or any(word in one.guard for word in words)]
    missed = 0
    with tempfile.TemporaryDirectory(prefix="viseme-breaks-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
        for one in chosen:
            begun = time.monotonic()
            passed = _survivors(one, tree)
            missed += bool(passed)
            found = "NOT MISSED" if passed else f"missed by {len(one.tests)}"
            print(f"{found:12} {time.monotonic() - begun:5.0f} s  {one.guard}", flush=True)
            for test in passed:
                print(f"    passes without it: {test}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} guards are missed when they are taken out")
    return bool(missed)


def _survivors(one: Break, tree: Path) -> list[str]:
    """The break's tests that do not fail in the broken tree."""
    file = tree / one.file
    whole = file.read_text()
    file.write_text(whole.replace(one.old, one.new))
    try:
        failed = _failed(one.tests, tree)
    finally:
        file.write_text(whole)
    return [test for test in one.tests if not any(_is_of(line, test) for line in failed)]


def _failed(tests: tuple[str, ...], tree: Path) -> set[str]:
    """What pytest says of each test that failed or broke."""
    command = [sys.executable, "-m", "pytest", "-n", "0", "--tb=no", "-rfE", *tests]
    environment = {**os.environ, **PATIENCE, "VISEME_HOME": str(tree / ".viseme")}
    environment.pop("VISEME_TESTS", None)
    ran = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
    return set(re.findall(r"^(?:FAILED|ERROR) (\S+::[^\s\[]+(?:\[\S+\])?)", ran.stdout, re.M))


def _is_of(line: str, test: str) -> bool:
    """A test of several parameters fails if one of them does."""
    return line == test or line.startswith(f"{test}[")
