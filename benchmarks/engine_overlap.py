"""Whether the stages of a run work at the same time.

    bin/run python -m benchmarks.engine_overlap [--seconds 12] [--size 1280x720] [--json FILE]

A stand-in sleeps over each frame as long as a GPU would work on it, and gives the faces back. The
whole run should take hardly longer than its slowest stage does alone, or than its CPU seconds
spread over the cores. Two paces: a GPU that is the bottleneck, and one as fast as the cores are.
About two minutes on two cores.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from benchmarks import footage
from benchmarks.engine_cpu import size
from benchmarks.measuring import Report, Spent, cores, finish, parser
from inference.faces import make_finder
from inference.faces.scout import Scout
from inference.media import open_frames
from inference.media.segment import SegmentWriter
from inference.model.stand_ins import StandIn
from inference.options import SyncOptions
from inference.picture.align import Aligner
from inference.pipeline.lipsync import sync

MOST = 1.15
# Seconds of GPU for each second of video: the official network at 256 px on a large card, and a
# card that is as fast as two cores are with the rest.
SLOW, FAST = 2.0, 1.0


def alone(video: Path, seconds: float, folder: Path, resolution: int) -> dict[str, float]:
    """Seconds by the clock of each stage with the machine to itself."""
    found: dict[str, float] = {}
    with (
        _timed(found, "faces"),
        Scout(video, make_finder("builtin"), None, Aligner(resolution)) as scout,
    ):
        scout.plan.wait_for_end()
    exact = Fraction(seconds).limit_denominator(1000)
    with _timed(found, "read"), open_frames(video, exact) as frames:
        for _ in frames:
            pass
    with open_frames(video, exact) as frames:
        spent = 0.0
        with SegmentWriter(folder / "alone.mp4", frames.film) as writer:
            for frame in frames:
                start = time.perf_counter()
                writer.write(frame)
                spent += time.perf_counter() - start
            start = time.perf_counter()
        found["write"] = spent + time.perf_counter() - start
    return found


@contextmanager
def _timed(found: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    found[name] = time.perf_counter() - start


def measure(video: Path, seconds: float, resolution: int, folder: Path) -> Report:
    report = Report(f"Stages at the same time: {seconds:g} s of video, {resolution} px")
    voice = footage.sound(folder / "voice.wav", seconds)
    stages = alone(video, seconds, folder, resolution)
    for name, spent in stages.items():
        report.add(f"{name} alone", spent, "s")
    for name, pace in (("a slow GPU", SLOW), ("a fast GPU", FAST)):
        whole = Spent()
        with whole.measured():
            result = sync(
                video,
                voice,
                folder / "whole.mp4",
                model=StandIn("identity", resolution, seconds=pace / 25),
                options=SyncOptions(),
                workdir=folder,
            )
        network = result.frames * pace / 25
        spread = whole.cpu / cores()
        slowest = max(network, *stages.values())
        report.add(f"{name}: the network alone", network, f"s, {pace:g} for each second")
        report.add(f"{name}: CPU over the cores", spread, f"s, {cores()} cores")
        report.add(f"{name}: the whole", whole.wall, "s by the clock")
        report.add(f"{name}: one after the other", network + whole.cpu, "s at the least")
        report.promise(
            f"whole over its bound, {name}", whole.wall / max(slowest, spread), MOST, at_most=True
        )
    return report


def main(arguments: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("--seconds", type=float, default=12, help="of video")
    made.add_argument("--size", type=size, default=(1280, 720))
    made.add_argument("--resolution", type=int, default=256, help="of the network")
    given = made.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video = footage.film(folder / "film.mp4", given.seconds, *given.size)
        report = measure(video, given.seconds, given.resolution, folder)
    return finish(report, given)


if __name__ == "__main__":
    sys.exit(main())
