"""The end of a run: what was made is held against what was asked for, kept, and joined."""

from collections.abc import Sequence
from fractions import Fraction

from torch import Tensor

from inference.errors import EngineFault, UnsupportedMedia
from inference.media.joining import join
from inference.media.source import Film
from inference.pipeline.reporting import Facts
from inference.report.measures import Measures
from inference.results.segments import Segment
from inference.results.shelf import Shelf


def finish(facts: Facts, made: Sequence[Segment], making: Shelf, shelf: Shelf) -> None:
    """Join the whole result into the run's own film. made: the segments that this run has made, on
    the shelf `making`. Raises what refuse_wrong_length() raises, and NoFace: then no segment is
    kept, for another choice of faces may find one."""
    run = facts.run
    refuse_wrong_length(facts.segments, facts.film, facts.sound.duration, run.options.length)
    if not has_face(facts.measures):
        making.clear()
        raise facts.scout.no_face()
    shelf.take(made, making)
    shelf.close(facts.segments[-1], facts.edits)
    run.tell("finish", 0, 1)
    with run.watch("finish"):
        files = [shelf.file(segment.number) for segment in facts.segments]
        join(files, facts.film, facts.sound, run.film)


def measures_of(segments: Sequence[Segment], mask: Tensor) -> Measures:
    """What was counted of all of them. mask: the model's."""
    measures = Measures(mask)
    for segment in segments:
        measures.absorb(dict(segment.measures))
    return measures


def has_face(measures: Measures) -> bool:
    """Something was painted, or would have been if there had been anything to say."""
    frames = measures.frames
    painted = frames.counts["synced"] + frames.counts["bridged"]
    return bool(painted) or any(row["reason"] in ("silence", "after_sound") for row in frames)


def refuse_wrong_length(
    segments: Sequence[Segment], film: Film, sound: Fraction, length: str
) -> None:
    """Whatever went wrong unseen, a film of the wrong length is never called a result.

    sound: its seconds. Raises EngineFault; UnsupportedMedia if the sound is over before the film
    begins.
    """
    if not segments:
        raise EngineFault("The result has no frames.")
    begins, lasts = segments[0].start * film.time_base, segments[-1].end * film.time_base
    if length != "video" and begins >= sound:
        raise UnsupportedMedia(
            f"The sound is over after {float(sound):.3f} seconds, before the video's picture"
            f" begins at {float(begins):.3f}.",
            hint="Use a longer sound, or the option length=video.",
        )
    frame = 1 / film.rate
    short = length in ("audio", "loop", "hold") and lasts < sound - frame
    long = length != "video" and lasts > sound + frame
    if short or long:
        raise EngineFault(
            f"The result lasts {float(lasts):.3f} seconds; the sound lasts {float(sound):.3f}."
        )
