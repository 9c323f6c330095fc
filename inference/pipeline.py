"""A film and a voice in, the lip-synced film out: window by window, nothing kept but the window."""

import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from inference.align import Aligner
from inference.audio import Heard, hear
from inference.blend import Blender
from inference.checkpoint import Model
from inference.errors import BadOption, Canceled, EngineFault, MediaTooLarge, UnsupportedMedia
from inference.filming import Filming, encoding_of
from inference.inputs import check_inputs
from inference.job import Job, Seconds, anew, go_on, recipe_of, sounds_of
from inference.media import Frames, Sound, open_frames, read_sound
from inference.media.joining import join
from inference.media.source import Film
from inference.networks import Network, network_of
from inference.options import SyncOptions
from inference.painter import Painter
from inference.placing import move
from inference.report import document
from inference.report.measures import Measures
from inference.reporting import Facts, result_of
from inference.result import SyncResult
from inference.scouting import Scouts
from inference.segments import Segment, frames_in_segment
from inference.shelf import Shelf
from inference.silence import Gate
from inference.stages import Stages
from inference.stopwatch import Stopwatch
from inference.windows import Cutter, Layer, Voice

OnProgress = Callable[[str, int, int | None], None]
ShouldCancel = Callable[[], bool]
OnSegment = Callable[[int], None]
FACES = "faces.json"
FRAMES_OF_NEWS = 100  # looked at for faces, until it is told that the run goes on


def sync(
    video: Path,
    audio: Path,
    out: Path,
    *,
    model: Model | Network,
    options: SyncOptions,
    workdir: Path,
    on_progress: OnProgress | None = None,
    should_cancel: ShouldCancel | None = None,
    segments: Path | None = None,
    on_segment: OnSegment | None = None,
    part: Seconds | None = None,
    report: Path | None = None,
    most_seconds: int | None = None,
) -> SyncResult:
    """Write `out`: the video's frames with mouths that speak the audio, and the audio itself.

    How long it lasts is the option `length`; its frames are the video's own unless `frame_rate`
    says otherwise. on_progress(stage, done, total) is called with "probe", "audio", "generate"
    (frames) and "finish"; should_cancel() is asked before each denoising step, and often while
    there is none.

    segments: a folder that keeps the finished parts of the result, made if it isn't there; a run
    that finds some of the same inputs, options and model there goes on after them. on_segment: told
    the number of each one that this run has made, from another thread, when file and record are in
    place; an error that it raises ends the run. part: from and
    to, in seconds of the result: make only the frames that begin there anew, with these options,
    and join them with the earlier result in `segments`, whose other frames stay as they are.
    report: where the report goes; faces.json is laid beside it. most_seconds: a sound that decodes
    to more is refused as media_too_large before the network hears it, whatever its header says.

    Raises an EngineError; then `out` is what it was before. Temporary files lie in one folder
    under `workdir`, which is gone afterwards whatever happens.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="sync-", dir=workdir) as folder:
            run = Run(
                network_of(model),
                options,
                Path(folder),
                on_progress,
                should_cancel,
                on_segment,
                most_seconds,
            )
            result = run.sync(video, audio, out, segments, part)
            deliver(result, run.film, report)
            run.finished()
            return result
    except OSError as error:
        raise EngineFault(
            f"The result could not be written: {error.strerror or error}.",
            hint="Look at the disk's free space and at the folder's permissions.",
        ) from error


@dataclass(frozen=True)
class Hearing:
    """A sound, and what the network hears of it."""

    sound: Sound
    heard: Heard | None


@dataclass
class Run:
    """One synchronization. folder: its own, for temporary files."""

    network: Network
    options: SyncOptions
    folder: Path
    on_progress: OnProgress | None = None
    should_cancel: ShouldCancel | None = None
    on_segment: OnSegment | None = None
    most_seconds: int | None = None
    watch: Stopwatch = field(default_factory=Stopwatch)

    def sync(
        self, video: Path, audio: Path, out: Path, segments: Path | None, part: Seconds | None
    ) -> SyncResult:
        encoding_of(self.options).check()
        if part is not None and segments is None:
            raise BadOption(
                "To make a part anew, name the folder with the earlier segments.",
                hint="It is the one that was given as segments (--segments) for the whole result.",
            )
        self._tell("probe", 0, 1)
        with self.watch("probe"):
            check_inputs(video, audio, [Path(path) for path in sounds_of(self.options)])
        with self._shelf(segments) as shelf:
            job = self._job(video, audio, shelf, segments is not None, part)
            with closing(Scouts(video, self.network, self.watch, job)) as scouts:
                scouts.start()  # they look while the sound is heard
                sounds = self._hear_all(audio, job)
                return self._make(video, out, sounds, scouts, shelf, job)

    @property
    def film(self) -> Path:
        """The finished file, until it is delivered."""
        return self.folder / "result.mp4"

    def finished(self) -> None:
        self._tell("finish", 1, 1)

    # What there is to do

    @contextmanager
    def _shelf(self, folder: Path | None) -> Iterator[Shelf]:
        if folder is None:
            own = self.folder / "segments"
            own.mkdir()
            yield Shelf(own)
            return
        folder.mkdir(exist_ok=True)
        shelf = Shelf(folder, self.on_segment)
        with shelf.locked():
            yield shelf

    def _job(self, video: Path, audio: Path, shelf: Shelf, kept: bool, part: Seconds | None) -> Job:
        if not kept:
            return Job({}, [self.options])
        with self.watch("probe"):
            recipe = recipe_of(video, audio, self.options, self.network)
            return go_on(shelf, recipe) if part is None else anew(shelf, recipe, part)

    # What is heard

    def _hear(self, audio: Path, number: int) -> Hearing:
        """number: of the sound, for its files in the folder."""
        folder = self.folder / f"sound{number}"
        folder.mkdir()
        sound = read_sound(audio, folder / "packets")
        if self.most_seconds is not None and sound.duration > self.most_seconds:
            raise MediaTooLarge(
                f"The sound lasts {float(sound.duration):.0f} s; {self.most_seconds} s are allowed."
            )
        if self.network.encoder is None:
            return Hearing(sound, None)
        heard = hear(sound.samples, self.network.encoder, folder, self._heard)
        return Hearing(sound, heard)

    def _heard(self, done: int, total: int) -> None:
        self._check_canceled()
        self._tell("audio", done, total)

    def _hear_all(self, audio: Path, job: Job) -> dict[str | None, Hearing]:
        """The common sound, under None, and those that speakers have of their own."""
        own = dict.fromkeys(sound for options in job.options for sound in sounds_of(options))
        files: dict[str | None, Path] = {None: audio} | {path: Path(path) for path in own}
        self._tell("audio", 0, None)
        with self.watch("audio"):
            return {
                key: self._hear(file, number) for number, (key, file) in enumerate(files.items())
            }

    # The work

    def _make(
        self,
        video: Path,
        out: Path,
        sounds: Mapping[str | None, Hearing],
        scouts: Scouts,
        shelf: Shelf,
        job: Job,
    ) -> SyncResult:
        common = sounds[None].sound
        with open_frames(
            video,
            common.duration,
            length=self.options.length,
            frame_rate=self.options.frame_rate,
            first=job.first,
        ) as frames:
            layers = [
                Layer(options, scouts.of(options).plan, _voices(options, sounds, frames.film))
                for options in job.options
            ]
            making = self._aside(shelf, job)
            made = self._work(frames, layers, scouts, making, job)
            segments = [*job.before, *made, *job.after]
            self._check_length(frames.film, segments, common.duration)
            measures = Measures(self.network.mask)
            for segment in segments:
                measures.absorb(dict(segment.measures))
            scout = scouts.of(job.options[-1])
            if not _has_face(measures):
                making.clear()
                raise scout.no_face()
            _keep(made, making, shelf)
            shelf.close(segments[-1], job.edits)
            self._tell("finish", 0, 1)
            with self.watch("finish"):
                files = [shelf.file(segment.number) for segment in segments]
                join(files, frames.film, common, self.film)
            facts = Facts(
                network=self.network,
                options=self.options,
                edits=job.edits,
                film=frames.film,
                sound=common,
                segments=segments,
                measures=measures,
                made=self.film,
                source_frames=max(segment.source_frames for segment in segments),
                unreadable=max(frames.unreadable, *(each.unreadable for each in segments)),
                faces=scout.faces_json(),
                face_device=scout.finder.device,
                notes=scout.notes(),
                watch=self.watch,
            )
            return result_of(facts, out)

    def _work(
        self, frames: Frames, layers: Sequence[Layer], scouts: Scouts, making: Shelf, job: Job
    ) -> list[Segment]:
        film = frames.film
        size = frames_in_segment(film.rate)
        measures = MeasuresBySegment(self.network, size)
        filming = Filming(
            making,
            film,
            encoding_of(self.options),
            job.recipe,
            size,
            measures.numbered,
            scouts.record,
            before=job.before[-1] if job.before else None,
            edits=job.edits,
        )
        stages = Stages(
            frames=frames,
            cutter=Cutter(
                layers,
                Aligner(self.network.resolution),
                film.time_base,
                self.watch,
                edits=[(edit.start, edit.end) for edit in job.edits],
            ),
            painter=Painter(self.network, layers, measures.of, self.watch, self.should_cancel),
            blenders=[
                Blender(self.network.mask, color_match=layer.options.color_match)
                for layer in layers
            ],
            filming=filming,
            measures=measures.of,
            watch=self.watch,
            first=job.first,
            until=job.until,
            stops=[scouts.close],
        )
        total = self._expected(film, layers[0].voices[None].duration)
        done = 0

        def on_frames(painted: int) -> None:
            nonlocal done
            done = max(done, job.first + painted)
            self._tell("generate", min(done, total), total)

        searched = 0

        def check() -> None:
            nonlocal searched
            self._check_canceled()
            # A long search for the first face is work too: silence is what a hung run is known by.
            if scouts.searched >= searched + FRAMES_OF_NEWS:
                searched = scouts.searched
                self._tell("generate", min(done, total), total)

        stages.run(check, on_frames)
        return filming.segments

    def _aside(self, shelf: Shelf, job: Job) -> Shelf:
        """An earlier result stays whole until all that replaces a part of it is there."""
        if not job.edits:
            return shelf
        folder = self.folder / "anew"
        folder.mkdir()
        return Shelf(folder)

    def _expected(self, film: Film, sound: Fraction) -> int:
        """About how many frames the result has, for who watches it being made."""
        seconds = sound
        if film.seconds is not None and self.options.length in ("cut", "video"):
            seconds = film.seconds if self.options.length == "video" else min(sound, film.seconds)
        return max(1, round(seconds * film.rate))

    def _check_length(self, film: Film, segments: Sequence[Segment], sound: Fraction) -> None:
        """Whatever went wrong unseen, a film of the wrong length is never called a result."""
        if not segments:
            raise EngineFault("The result has no frames.")
        begins = segments[0].start * film.time_base
        if self.options.length != "video" and begins >= sound:
            raise UnsupportedMedia(
                f"The sound is over after {float(sound):.3f} seconds, before the video's picture"
                f" begins at {float(begins):.3f}.",
                hint="Use a longer sound, or the option length=video.",
            )
        lasts = segments[-1].end * film.time_base
        frame = 1 / film.rate
        short = self.options.length in ("audio", "loop", "hold") and lasts < sound - frame
        long = self.options.length != "video" and lasts > sound + frame
        if short or long:
            raise EngineFault(
                f"The result lasts {float(lasts):.3f} seconds; the sound lasts {float(sound):.3f}."
            )

    def _check_canceled(self) -> None:
        if self.should_cancel and self.should_cancel():
            raise Canceled("The synchronization was canceled.")

    def _tell(self, stage: str, done: int, total: int | None) -> None:
        if self.on_progress:
            self.on_progress(stage, done, total)


def deliver(result: SyncResult, made: Path, report: Path | None) -> None:
    """Put everything at its place, the film last: where it lies, all of it does."""
    placed: list[Path] = []
    try:
        if report is not None:
            for path, told in ((report.with_name(FACES), result.faces), (report, result.report)):
                draft = made.with_name(path.name)
                document.write(draft, told)
                move(draft, path)
                placed.append(path)
        move(made, result.path)
    except OSError:
        for path in placed:
            path.unlink(missing_ok=True)
        raise


def _keep(made: Sequence[Segment], making: Shelf, shelf: Shelf) -> None:
    if making is not shelf:
        for segment in made:
            shelf.put(segment, making.file(segment.number))


def _voices(
    options: SyncOptions, sounds: Mapping[str | None, Hearing], film: Film
) -> dict[str | None, Voice]:
    wanted = [None, *sounds_of(options)]
    keep = options.silence == "keep"
    return {
        key: Voice(
            sounds[key].sound.duration,
            sounds[key].heard,
            Gate(sounds[key].sound.samples, 1 / film.rate) if keep else None,
        )
        for key in wanted
    }


def _has_face(measures: Measures) -> bool:
    """Something was painted, or would have been if there had been anything to say."""
    frames = measures.frames
    painted = frames.counts["synced"] + frames.counts["bridged"]
    return bool(painted) or any(row["reason"] in ("silence", "after_sound") for row in frames)


class MeasuresBySegment:
    """What counts for the report, for each segment apart: it goes into the segment's record."""

    def __init__(self, network: Network, size: int) -> None:
        self._network, self._size = network, size
        self._measures: dict[int, Measures] = {}
        self._making = threading.Lock()

    def of(self, place: int) -> Measures:
        """place: of a frame in the result."""
        number = place // self._size
        with self._making:
            if number not in self._measures:
                self._measures[number] = Measures(self._network.mask)
            return self._measures[number]

    def numbered(self, number: int) -> Measures:
        """The last to ask: the segment is whole."""
        with self._making:
            return self._measures.pop(number)
