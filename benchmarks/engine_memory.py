"""Whether memory grows with length.

    bin/run python -m benchmarks.engine_memory long     20 minutes of film and sound
    bin/run python -m benchmarks.engine_memory turns    20 minutes of sound over 5 minutes of film

Each is run beside 10 seconds of the same, in a process of its own, at a small size, with the
identity network and the official size of speech encoder (random weights), so that features, the
log-mel's maximum and playing backwards are in it. The peak of the engine's process may be 60 MB
higher at most, and so may that of the largest process it starts. Two to three minutes each.
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import footage
from benchmarks.measuring import ChildrenWatch, Report, finish, parser, peak_mib
from inference.memory import give_back_frames

MOST_MIB = 60
SIZE, RATE = (240, 180), 25
ONCE = 10  # seconds of film that are drawn; a longer one repeats them
RESOLUTION = 64
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Case:
    """Seconds of film and of sound; short: the same with 10 seconds."""

    film: float
    sound: float
    short_film: float
    short_sound: float = 10


CASES = {
    "long": Case(film=1200, sound=1200, short_film=10),
    "turns": Case(film=300, sound=1200, short_film=2.5),
}


@dataclass(frozen=True)
class Peak:
    """Highest resident MiB of the engine's process and of the largest it started; its seconds."""

    engine: float
    media: float
    seconds: float
    frames: int


def run_alone(video: Path, voice: Path, limit: float) -> Peak:
    """One run in a fresh process. Raises if it fails or takes longer than `limit` seconds."""
    command = [sys.executable, "-m", "benchmarks.engine_memory", "--run", str(video), str(voice)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=limit, cwd=ROOT, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the run failed: {done.stderr.strip()[-400:]}")
    return Peak(**json.loads(done.stdout.splitlines()[-1]))


def run(video: Path, voice: Path) -> Peak:
    give_back_frames()  # as the product's processes begin
    import torch

    from inference.model.stand_ins import StandIn
    from inference.model.whisper import AudioEncoder
    from inference.options import SyncOptions
    from inference.pipeline.lipsync import sync

    torch.manual_seed(0)
    encoder = AudioEncoder().eval().requires_grad_(False)
    network = StandIn("identity", RESOLUTION, encoder=encoder)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as name, ChildrenWatch() as children:
        folder = Path(name)
        result = sync(
            video,
            voice,
            folder / "out.mp4",
            model=network,
            options=SyncOptions(),
            workdir=folder,
        )
    seconds = time.perf_counter() - start
    return Peak(peak_mib(), children.peak_mib, seconds, result.frames)


def measure(name: str, case: Case, folder: Path, *, limit: float = 1200) -> Report:
    report = Report(f"Memory, case {name}: {case.sound:g} s of sound over {case.film:g} s of film")
    peaks = {}
    for kind, film, sound in (
        ("short", case.short_film, case.short_sound),
        ("whole", case.film, case.sound),
    ):
        once = footage.film(folder / "once.mp4", min(film, ONCE), *SIZE, rate=RATE)
        video = footage.repeated(folder / f"{kind}.mp4", once, max(1, round(film / ONCE)))
        voice = footage.sound(folder / f"{kind}.wav", sound)
        peaks[kind] = peak = run_alone(video, voice, limit)
        report.add(f"{sound:g} s: engine", peak.engine, f"MiB; {peak.frames} frames")
        report.add(f"{sound:g} s: largest process it starts", peak.media, "MiB")
        report.add(f"{sound:g} s: took", peak.seconds, "s")
    for who in ("engine", "media"):
        growth = getattr(peaks["whole"], who) - getattr(peaks["short"], who)
        report.promise(f"growth of the {who}'s peak, MiB", growth, MOST_MIB, at_most=True)
    return report


def main(arguments: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("case", choices=sorted(CASES), nargs="?", default="long")
    made.add_argument("--run", nargs=2, type=Path, metavar=("VIDEO", "SOUND"), help="one run only")
    given = made.parse_args(arguments)
    if given.run:
        print(json.dumps(vars(run(*given.run))))
        return 0
    with tempfile.TemporaryDirectory() as name:
        report = measure(given.case, CASES[given.case], Path(name))
    return finish(report, given)


if __name__ == "__main__":
    sys.exit(main())
