"""The sounds of a run, and what the network hears of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from inference.errors import MediaTooLarge
from inference.media import Sound, read_sound
from inference.options import SyncOptions
from inference.pipeline.job import Job, sounds_of
from inference.pipeline.layers import Voice
from inference.pipeline.run import Run
from inference.sound.features import Heard, hear
from inference.sound.silence import Gate


@dataclass(frozen=True)
class Hearing:
    """A sound, and what the network hears of it; None if it hears nothing."""

    sound: Sound
    heard: Heard | None


# The common sound, under None, and by path those that speakers have of their own.
Hearings = Mapping[str | None, Hearing]


def hear_all(run: Run, audio: Path, job: Job, most_seconds: int | None) -> Hearings:
    """audio: the common sound. Raises MediaTooLarge for a sound of more than `most_seconds`."""
    own = dict.fromkeys(sound for options in job.options for sound in sounds_of(options))
    files: dict[str | None, Path] = {None: audio} | {path: Path(path) for path in own}
    run.tell("audio", 0, None)
    with run.watch("audio"):
        return {
            key: _hear(run, file, run.folder / f"sound{number}", most_seconds)
            for number, (key, file) in enumerate(files.items())
        }


def voices(options: SyncOptions, hearings: Hearings, rate: Fraction) -> dict[str | None, Voice]:
    """Those that a layer of these options listens to. rate: frames of the result a second."""
    keep = options.silence == "keep"
    return {
        key: Voice(
            hearings[key].sound.duration,
            hearings[key].heard,
            Gate(hearings[key].sound.samples, 1 / rate) if keep else None,
        )
        for key in (None, *sounds_of(options))
    }


def _hear(run: Run, audio: Path, folder: Path, most_seconds: int | None) -> Hearing:
    """folder: for the sound's files."""
    folder.mkdir()
    sound = read_sound(audio, folder / "packets")
    if most_seconds is not None and sound.duration > most_seconds:
        raise MediaTooLarge(
            f"The sound lasts {float(sound.duration):.0f} s; {most_seconds} s are allowed."
        )
    if run.network.encoder is None:
        return Hearing(sound, None)

    def on_piece(done: int, total: int) -> None:
        run.check_canceled()
        run.tell("audio", done, total)

    return Hearing(sound, hear(sound.samples, run.network.encoder, folder, on_piece))
