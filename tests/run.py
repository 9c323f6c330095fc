"""bin/test: pytest, then one line on what was skipped and what to install for it."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from portal.environment import ROOT

PACKAGES = ROOT / "bin" / "debian-packages.txt"


class Skipped:
    def __init__(self) -> None:
        self.count = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.count += report.skipped and not hasattr(report, "wasxfail")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.count += report.skipped

    def line(self) -> str:
        if not self.count:
            return "nothing was skipped"
        if missing := absent_packages():
            return f"{self.count} skipped; to run more of them: apt install {' '.join(missing)}"
        return f"{self.count} skipped, for the reasons above; no package is missing"


def absent_packages() -> list[str]:
    """Debian packages of the list whose program is not on this machine."""
    lines = [line.split() for line in PACKAGES.read_text().splitlines() if line[:1] != "#"]
    return [package for package, program, *_ in lines if shutil.which(program) is None]


def parallel(arguments: list[str]) -> list[str]:
    """All tests are shared out by file to half of the cores, three at least: many of them wait.

    Not those that somebody named, nor where pytest's own options say it already.
    """
    named = any(Path(word.partition("::")[0]).exists() for word in arguments)
    chosen = any(word.startswith(("-n", "--numprocesses", "--pdb")) for word in arguments)
    if named or chosen:
        return []
    workers = min(4, max(3, (os.cpu_count() or 1) // 2))
    # In the folders' order: sorted by number of tests, the long walks would come last and alone.
    return ["-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder"]


def main(arguments: list[str]) -> int:
    os.chdir(ROOT)
    everything = "--all" in arguments
    arguments = [word for word in arguments if word != "--all"]
    if not everything and "-m" not in arguments:
        arguments = ["-m", "not long", *arguments]
    skipped = Skipped()
    code = pytest.main([*parallel(arguments), *arguments], plugins=[skipped])
    print(skipped.line())
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
