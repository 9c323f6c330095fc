"""Time, memory, the machine, and how figures are shown."""

import argparse
import json
import os
import platform
import resource
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

MEBIBYTE = 1 << 20
KIBIBYTES_TO_MIB = 1024


@dataclass
class Spent:
    """Seconds of a block: by the clock, and of all cores in this process and its finished
    children."""

    wall: float = 0.0
    cpu: float = 0.0

    @contextmanager
    def measured(self) -> Iterator["Spent"]:
        """Adds what the block takes. Children count once they have ended, so end them inside."""
        wall, cpu = time.perf_counter(), cpu_seconds()
        try:
            yield self
        finally:
            self.wall += time.perf_counter() - wall
            self.cpu += cpu_seconds() - cpu


def cpu_seconds() -> float:
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(who)
        total += used.ru_utime + used.ru_stime
    return total


def peak_mib() -> float:
    """Highest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIBIBYTES_TO_MIB


def resident_mib(which: str) -> float:
    """Of this process: "VmRSS", what is resident now, or "VmHWM", the peak since it was reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(which)).split()[1]) / 1024


class ChildrenWatch:
    """The highest resident memory of any one process that this one starts, in MiB.

    Read from /proc twice a second: what getrusage() says of children counts what they shared with
    us between fork and exec.
    """

    SECONDS = 0.5

    def __init__(self) -> None:
        self.peak_mib = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "ChildrenWatch":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self.SECONDS):
            for status in Path("/proc").glob("[0-9]*/status"):
                with suppress(OSError, KeyError, ValueError):
                    told = dict(line.split(":", 1) for line in status.read_text().splitlines())
                    if int(told["PPid"]) == os.getpid():
                        peak = int(told["VmHWM"].split()[0]) / KIBIBYTES_TO_MIB
                        self.peak_mib = max(self.peak_mib, peak)


def medians(found: Mapping[str, Mapping[int, Sequence[float]]]) -> dict[str, dict[int, float]]:
    """Of what was measured several times: by its name and by a size."""
    return {
        name: {size: median(times) for size, times in sizes.items()}
        for name, sizes in found.items()
    }


def cores() -> int:
    return len(os.sched_getaffinity(0))


def machine() -> dict[str, Any]:
    """What figures depend on. load: processes that wanted the cores in the last minute."""
    return {
        "cpu": _cpu_name(),
        "cores": cores(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


@dataclass
class Target:
    """A figure that was promised. at_most: of the figure; else it is the least."""

    name: str
    figure: float
    limit: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        return self.figure <= self.limit if self.at_most else self.figure >= self.limit

    def line(self) -> str:
        wanted = f"at {'most' if self.at_most else 'least'} {self.limit:g}"
        return f"{'met   ' if self.met else 'MISSED'}  {self.name}: {self.figure:.2f} ({wanted})"


@dataclass
class Report:
    """What a benchmark found. rows: name, figure, unit or remark."""

    title: str
    rows: list[tuple[str, float | str, str]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, figure: float | str, unit: str = "") -> None:
        self.rows.append((name, figure, unit))

    def promise(self, name: str, figure: float, limit: float, *, at_most: bool = False) -> None:
        self.targets.append(Target(name, figure, limit, at_most))

    @property
    def met(self) -> bool:
        return all(target.met for target in self.targets)

    def show(self) -> None:
        about = machine()
        print(self.title)
        print(f"  {about['cpu']}, {about['cores']} cores, load {about['load']}")
        width = max((len(name) for name, _, _ in self.rows), default=0)
        for name, figure, unit in self.rows:
            shown = figure if isinstance(figure, str) else f"{figure:.3f}"
            print(f"  {name:<{width}}  {shown:>10}  {unit}")
        for target in self.targets:
            print(f"  {target.line()}")

    def to_mapping(self) -> dict[str, Any]:
        targets = [{**vars(target), "met": target.met} for target in self.targets]
        return {
            "title": self.title,
            "machine": machine(),
            "rows": [list(row) for row in self.rows],
            "targets": targets,
            **self.figures,
        }


def parser(about: str | None) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    return made


def finish(report: Report, given: argparse.Namespace) -> int:
    """Show it and keep it. 0 if every target was met, else 3."""
    report.show()
    if given.json:
        given.json.write_text(json.dumps(report.to_mapping(), indent=2) + "\n")
    return 0 if report.met else 3
