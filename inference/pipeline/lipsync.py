"""A film and a voice in, the lip-synced film out: window by window, nothing kept but the window."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from inference.errors import BadOption, EngineFault
from inference.inputs import check_inputs
from inference.media import open_frames
from inference.model.checkpoint import Model
from inference.model.latentsync import network_of
from inference.model.networks import Network
from inference.options import SyncOptions
from inference.pipeline.filming import encoding_of
from inference.pipeline.finishing import finish, measures_of
from inference.pipeline.generating import Generating
from inference.pipeline.hearing import Hearings, hear_all
from inference.pipeline.job import Job, Seconds, anew, go_on, recipe_of, sounds_of
from inference.pipeline.reporting import Facts, result_of
from inference.pipeline.run import OnProgress, Run, ShouldCancel
from inference.pipeline.scouting import Scouts
from inference.results.delivering import deliver
from inference.results.result import SyncResult
from inference.results.shelf import Shelf

OnSegment = Callable[[int], None]


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
    with _own_folder(workdir) as folder:
        run = Run(network_of(model), options, folder, on_progress, should_cancel)
        _refuse_senseless(options, segments, part)
        _probe(run, video, audio)
        with _shelf(run, segments, on_segment) as shelf:
            kept = segments is not None
            job = _job(run, video, audio, shelf, part) if kept else Job({}, [options])
            with closing(Scouts(video, run.network, run.watch, job)) as scouts:
                scouts.start()  # they look while the sound is heard
                hearings = hear_all(run, audio, job, most_seconds)
                result = _make(run, video, out, job, shelf, scouts, hearings)
        deliver(result, run.film, report)
        run.tell("finish", 1, 1)
        return result


@contextmanager
def _own_folder(workdir: Path) -> Iterator[Path]:
    """Whatever the file system refuses while the run is at work is the engine's own fault."""
    try:
        with tempfile.TemporaryDirectory(prefix="sync-", dir=workdir) as folder:
            yield Path(folder)
    except OSError as error:
        raise EngineFault(
            f"The result could not be written: {error.strerror or error}.",
            hint="Look at the disk's free space and at the folder's permissions.",
        ) from error


# What there is to do


def _refuse_senseless(options: SyncOptions, segments: Path | None, part: Seconds | None) -> None:
    encoding_of(options).check()
    if part is not None and segments is None:
        raise BadOption(
            "To make a part anew, name the folder with the earlier segments.",
            hint="It is the one that was given as segments (--segments) for the whole result.",
        )


def _probe(run: Run, video: Path, audio: Path) -> None:
    run.tell("probe", 0, 1)
    with run.watch("probe"):
        check_inputs(video, audio, [Path(path) for path in sounds_of(run.options)])


@contextmanager
def _shelf(run: Run, folder: Path | None, on_segment: OnSegment | None) -> Iterator[Shelf]:
    """The run's own, told to nobody, unless a folder for it is named: that is made if it isn't
    there, and goes again if nothing comes of it."""
    if folder is None:
        yield run.shelf("segments")
        return
    is_new = not folder.exists()
    folder.mkdir(exist_ok=True)
    try:
        shelf = Shelf(folder, on_segment)
        with shelf.locked():
            yield shelf
    finally:
        if is_new:
            with suppress(OSError):  # something lies in it
                folder.rmdir()


def _job(run: Run, video: Path, audio: Path, shelf: Shelf, part: Seconds | None) -> Job:
    with run.watch("probe"):
        recipe = recipe_of(video, audio, run.options, run.network)
        return go_on(shelf, recipe) if part is None else anew(shelf, recipe, part)


# The work


def _make(
    run: Run,
    video: Path,
    out: Path,
    job: Job,
    shelf: Shelf,
    scouts: Scouts,
    hearings: Hearings,
) -> SyncResult:
    sound, options = hearings[None].sound, run.options
    with open_frames(
        video,
        sound.duration,
        length=options.length,
        frame_rate=options.frame_rate,
        first=job.first,
    ) as frames:
        # An earlier result stays whole until all that replaces a part of it is there.
        making = run.shelf("anew") if job.edits else shelf
        made = Generating(run, job, scouts, making).segments(frames, hearings)
        segments = [*job.before, *made, *job.after]
        measures = measures_of(segments, run.network.mask)
        scout = scouts.of(job.options[-1])
        facts = Facts(run, job.edits, frames, sound, segments, measures, scout)
        finish(facts, made, making, shelf)
        return result_of(facts, out)
