"""A film and a voice in, the lip-synced film out: window by window, nothing kept but the window."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from torch import Tensor

from inference.audio import speech_features
from inference.checkpoint import Model
from inference.diffusion import WINDOW_FRAMES
from inference.errors import Canceled, EngineFault, NoFace
from inference.inputs import check_inputs
from inference.media import Frames, Sound, open_frames, read_sound
from inference.media.source import Film, Frame
from inference.media.writer import Writer
from inference.options import SyncOptions
from inference.painter import Painter
from inference.result import SyncResult, sha256_of, stretches
from inference.stopwatch import Stopwatch

OnProgress = Callable[[str, int, int | None], None]
ShouldCancel = Callable[[], bool]


def sync(
    video: Path,
    audio: Path,
    out: Path,
    *,
    model: Model,
    options: SyncOptions,
    workdir: Path,
    on_progress: OnProgress | None = None,
    should_cancel: ShouldCancel | None = None,
) -> SyncResult:
    """Write `out`: the video's frames with mouths that speak the audio, and the audio itself.

    It lasts as long as the sound (within one frame, see media.open_frames), at the video's own
    frame rate and size. on_progress(stage, done, total) is called with "probe", "audio",
    "generate" (frames) and "finish"; should_cancel() is asked before each denoising step.

    Raises an EngineError; then `out` is what it was before. Temporary files lie in one folder
    under `workdir`, which is gone afterwards whatever happens.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="sync-", dir=workdir) as folder:
            run = Run(model, options, Path(folder), on_progress, should_cancel)
            return run.sync(video, audio, out)
    except OSError as error:
        raise EngineFault(
            f"The result could not be written: {error.strerror or error}.",
            hint="Look at the disk's free space and at the folder's permissions.",
        ) from error


@dataclass
class Run:
    """One synchronization. folder: its own, for temporary files."""

    model: Model
    options: SyncOptions
    folder: Path
    on_progress: OnProgress | None = None
    should_cancel: ShouldCancel | None = None
    watch: Stopwatch = field(default_factory=Stopwatch)
    synced: int = 0
    passed: list[int] = field(default_factory=list)

    def sync(self, video: Path, audio: Path, out: Path) -> SyncResult:
        self._tell("probe", 0, 1)
        with self.watch("probe"):
            check_inputs(video, audio)
        sound, rows = self._hear(audio)
        made = self.folder / "result.mp4"
        with (
            open_frames(video, sound.duration) as frames,
            Writer(made, frames.film, sound) as film,
        ):
            painter = Painter(self.model, self.options, rows, self.watch, self.should_cancel)
            self._paint_all(frames, painter, film, sound.duration)
            self._check_length(film, frames.film, sound.duration)
        self._tell("finish", 0, 1)
        with self.watch("finish"):
            result = self._result(made, out, film, frames)
            deliver(made, out)
        self._tell("finish", 1, 1)
        return result

    def _hear(self, audio: Path) -> tuple[Sound, Tensor]:
        """The sound, and the rows that the network hears."""
        self._tell("audio", 0, None)
        with self.watch("audio"):
            sound = read_sound(audio, self.folder / "sound")
            waveform = sound.samples.astype(np.float32) / np.float32(32768)
            rows = speech_features(waveform, self.model.encoder, self._heard)
        return sound, rows

    def _heard(self, done: int, total: int) -> None:
        self._check_canceled()
        self._tell("audio", done, total)

    def _paint_all(self, frames: Frames, painter: Painter, film: Writer, seconds: Fraction) -> None:
        total = max(1, round(seconds * frames.film.rate))
        for window in self._windows(frames):
            self._check_canceled()
            done, count = film.frames, len(window)

            def stepped(step: int, done: int = done, count: int = count) -> None:
                made = done + count * (step + 1) // self.options.steps
                self._tell("generate", min(made, total), total)

            painted = painter.paint(window, done, frames.film.time_base, stepped)
            self.synced += len(painted)
            self.passed += sorted(set(range(done, done + count)) - set(painted))
            with self.watch("write"):
                for frame in window:
                    film.write(frame)
            self._tell("generate", min(film.frames, total), total)
        if not self.synced:
            raise NoFace("No frame of the video shows a face that can be used.")

    def _windows(self, frames: Iterable[Frame]) -> Iterator[list[Frame]]:
        """As many frames as the network takes at once; the last window has what remains."""
        source, over = iter(frames), False
        while not over:
            window: list[Frame] = []
            with self.watch("read"):
                while len(window) < WINDOW_FRAMES and not over:
                    frame = next(source, None)
                    over = frame is None
                    window += [frame] if frame else []
            if window:
                yield window

    def _check_length(self, film: Writer, source: Film, seconds: Fraction) -> None:
        """Whatever went wrong unseen, a film of the wrong length is never called a result."""
        if abs(film.seconds - seconds) > 1 / source.rate:
            raise EngineFault(
                f"The result lasts {float(film.seconds):.3f} seconds;"
                f" the sound lasts {float(seconds):.3f}."
            )

    def _result(self, made: Path, out: Path, film: Writer, frames: Frames) -> SyncResult:
        return SyncResult(
            path=out,
            frames=film.frames,
            synced_frames=self.synced,
            passed_through=stretches(self.passed),
            frame_rate=frames.film.rate,
            duration=film.seconds,
            width=frames.film.width,
            height=frames.film.height,
            size_bytes=made.stat().st_size,
            sha256=sha256_of(made),
            model=dict(self.model.to_mapping()),
            device=str(self.model.device),
            steps=self.options.steps,
            guidance=self.options.guidance,
            seed=self.options.seed,
            stage_seconds=self.watch.to_mapping(),
            warnings=self._warnings(frames),
        )

    def _warnings(self, frames: Frames) -> list[str]:
        warnings = []
        if self.passed:
            warnings.append(
                f"{len(self.passed)} frames without a usable face were left as they were."
            )
        if frames.unreadable:
            warnings.append(
                f"{frames.unreadable} pictures of the video could not be read;"
                " the ones before them were shown longer."
            )
        return warnings

    def _check_canceled(self) -> None:
        if self.should_cancel and self.should_cancel():
            raise Canceled("The synchronization was canceled.")

    def _tell(self, stage: str, done: int, total: int | None) -> None:
        if self.on_progress:
            self.on_progress(stage, done, total)


def deliver(made: Path, out: Path) -> None:
    """Put the finished file at its place, whole or not at all, on another disk too."""
    with suppress(OSError):
        made.replace(out)
        return
    part = out.with_name(f".{out.name}.part")
    try:
        shutil.copyfile(made, part)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
