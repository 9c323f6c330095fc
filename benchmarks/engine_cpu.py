"""CPU time of everything but the network, against LatentSync's own way of doing it.

    bin/run python -m benchmarks.engine_cpu [--video FILE] [--seconds 10] [--json FILE]

Ours runs as in the product, stages at once, with a network that gives the faces back. The baseline
(benchmarks/reference_way.py) does one thing after the other, as that program does; it is shorter,
since its cost is the same for each second and it keeps every frame in memory. Both use the same
face finder and, for their encoders, the same preset. About two minutes on two cores.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from benchmarks import footage
from benchmarks.measuring import Report, Spent, finish, parser, peak_mib
from benchmarks.reference_way import Baseline
from inference.faces import make_finder
from inference.faces.scout import Scout
from inference.media import open_frames
from inference.media.encoding import ENCODERS
from inference.model.stand_ins import StandIn
from inference.options import SyncOptions
from inference.picture.align import Aligner
from inference.picture.blend import Blender
from inference.pipeline.layers import Layer, Voice
from inference.pipeline.lipsync import sync
from inference.pipeline.painter import Painter
from inference.pipeline.stages import Stages
from inference.pipeline.windows import Cutter, Shot
from inference.report.measures import Measures
from inference.stopwatch import Stopwatch

LEAST_RATIO, LEAST_RATIO_WITH_ENCODERS, MOST_SECONDS = 6.0, 3.0, 1.5
SIZE = (1920, 1080)
PRESET = ENCODERS["h264"][1]["preset"]


@dataclass
class Thrown:
    """Takes the finished frames in the writer's place, and throws them away."""

    frames: int = 0

    def __enter__(self) -> "Thrown":
        return self

    def write(self, shot: Shot) -> None:
        self.frames += 1

    def __exit__(self, *error: object) -> None:
        return


@contextmanager
def without_encoders(video: Path, seconds: Fraction, network: StandIn) -> Iterator[Any]:
    """The product's own stages over a film, with nothing at their end; call to run them."""
    options, watch, thrown = SyncOptions(), Stopwatch(), Thrown()
    measures = Measures(network.mask)
    with ExitStack() as stack:
        frames = stack.enter_context(open_frames(video, seconds))
        aligner = Aligner(network.resolution)
        finder = make_finder(network.finder)
        scout = stack.enter_context(Scout(video, finder, options.face, aligner))
        layers = [Layer(options, scout.plan, {None: Voice(seconds)})]
        stages = Stages(
            frames=frames,
            cutter=Cutter(layers, aligner, frames.film.time_base, watch),
            painter=Painter(network, layers, lambda place: measures, watch),
            blenders=[Blender(network.mask)],
            filming=thrown,  # type: ignore[arg-type]  # as much of Filming as a stage needs
            measures=lambda place: measures,
            watch=watch,
        )

        def run() -> int:
            stages.run(lambda: None, lambda done: None)
            painted = measures.frames.counts["synced"] + measures.frames.counts["bridged"]
            if painted < thrown.frames:
                raise RuntimeError(f"only {painted} of {thrown.frames} frames show a usable face")
            return thrown.frames

        yield run


def measure(
    video: Path, seconds: float, baseline_seconds: float, resolution: int, folder: Path
) -> Report:
    """video: at least `seconds` of a speaker, all of it with a usable face."""
    name = f"All but the network, {resolution} px, CPU seconds for each second of video"
    report = Report(f"{name} (encoders: libx264 {PRESET})")
    network = StandIn("identity", resolution)
    voice = footage.sound(folder / "voice.wav", seconds)

    bare = Spent()
    with (
        bare.measured(),
        without_encoders(video, Fraction(seconds).limit_denominator(1000), network) as run,
    ):
        frames = run()
    bare_cpu = bare.cpu / frames * 25
    report.add(
        "ours, without encoder", bare_cpu, f"{frames} frames, {bare.wall:.1f} s by the clock"
    )

    whole = Spent()
    with whole.measured():
        result = sync(
            video,
            voice,
            folder / "ours.mp4",
            model=network,
            options=SyncOptions(),
            workdir=folder,
        )
    whole_cpu = whole.cpu / result.frames * 25
    report.add("ours, the whole product", whole_cpu, f"{whole.wall:.1f} s by the clock")
    report.add("ours, peak memory", peak_mib(), "MiB")

    part = folder / "part.mp4"
    cut(video, part, baseline_seconds)
    baseline = Baseline(folder, make_finder(network.finder), resolution, network.mask, PRESET)
    _, count = baseline.run(part)
    their_cpu = baseline.work.cpu / count * 25
    their_whole = (baseline.work.cpu + baseline.encoders.cpu) / count * 25
    report.add("baseline, without encoders", their_cpu, f"{count} frames")
    for stage, spent in baseline.stages.items():
        report.add(f"    {stage}", spent.cpu / count * 25)
    report.add("baseline, with its three encodes", their_whole)
    report.add("peak memory with the baseline", peak_mib(), f"MiB, for {count / 25:.0f} s")

    report.promise("ratio without encoders", their_cpu / bare_cpu, LEAST_RATIO)
    report.promise("ratio with encoders", their_whole / whole_cpu, LEAST_RATIO_WITH_ENCODERS)
    report.promise("ours without encoder", bare_cpu, MOST_SECONDS, at_most=True)
    return report


def cut(video: Path, part: Path, seconds: float) -> None:
    """The first seconds of a film: its packets, as they are."""
    with av.open(str(video)) as source, av.open(str(part), "w") as out:
        stream = source.streams.video[0]
        copied = out.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is None or packet.pts * stream.time_base >= seconds:
                continue
            packet.stream = copied
            out.mux(packet)


def main(arguments: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("--video", type=Path, help="a speaker's film (default: one is made, 1080p25)")
    made.add_argument("--seconds", type=float, default=10, help="of it that ours works on")
    made.add_argument("--baseline-seconds", type=float, default=4)
    made.add_argument("--resolution", type=int, default=256, help="of the network: 256 or 512")
    made.add_argument("--size", type=size, default=SIZE, help="of the film that is made")
    given = made.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video = given.video or footage.film(folder / "film.mp4", given.seconds, *given.size)
        report = measure(video, given.seconds, given.baseline_seconds, given.resolution, folder)
    return finish(report, given)


def size(text: str) -> tuple[int, int]:
    """1920x1080"""
    width, _, height = text.partition("x")
    try:
        return int(width), int(height)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no size like 1920x1080") from None


if __name__ == "__main__":
    sys.exit(main())
