"""What a run tells of itself, gathered from its segments and from the finished file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.faces.scout import Scout
from inference.files import sha256_of
from inference.media import Frames, Sound
from inference.media.info import ratio
from inference.media.joining import heard_until
from inference.media.source import Film
from inference.media.timing import Meant, read_timing
from inference.pipeline.filming import encoding_of
from inference.pipeline.run import Run
from inference.report import document
from inference.report.measures import Measures
from inference.results.recipe import Edit
from inference.results.result import SyncResult
from inference.results.segments import Segment


@dataclass(frozen=True)
class Facts:
    """What is known when all frames are made. edits: the parts that were made anew, this run's
    included. segments: of the whole result, whoever made them. measures: of them all. scout: that
    looked for the faces of the options asked for."""

    run: Run
    edits: Sequence[Edit]
    frames: Frames
    sound: Sound
    segments: Sequence[Segment]
    measures: Measures
    scout: Scout

    @property
    def film(self) -> Film:
        return self.frames.film

    @property
    def source_frames(self) -> int:
        """Pictures of the source that were read."""
        return max(segment.source_frames for segment in self.segments)

    @property
    def unreadable(self) -> int:
        """Those of them that could not be decoded."""
        return max(self.frames.unreadable, *(segment.unreadable for segment in self.segments))


def result_of(facts: Facts, out: Path) -> SyncResult:
    """Once the run's film is finished. out: where it will lie."""
    run, measured = facts.run, facts.measures.to_mapping()
    # Read together: the scout may still be on its way through a film that is longer.
    faces, notes = facts.scout.faces_json(), list(_notes(facts))
    report = _report(facts, measured, faces, notes)
    first, last = facts.segments[0], facts.segments[-1]
    frames = measured["frames"]
    return SyncResult(
        path=out,
        frames=frames["count"],
        synced_frames=frames["synced"] + frames["bridged"],
        passed_through=_stretches(frames["ranges"]),
        frame_rate=facts.film.rate,
        duration=(last.end - first.start) * facts.film.time_base,
        width=report["output"]["width"],
        height=report["output"]["height"],
        size_bytes=run.film.stat().st_size,
        sha256=sha256_of(run.film),
        model=run.network.to_mapping(),
        device=run.network.device,
        steps=run.options.steps,
        guidance=run.options.guidance,
        seed=run.options.seed,
        stage_seconds=run.watch.to_mapping(),
        warnings=document.for_customers(report),
        report=report,
        faces=faces,
    )


def _report(
    facts: Facts,
    measured: Mapping[str, Any],
    faces: Mapping[str, Any],
    notes: Sequence[document.Note],
) -> dict[str, Any]:
    run = facts.run
    return document.make(
        measured,
        source_frames=facts.source_frames,
        tracks=[_without_thumbnail(track) for track in faces["tracks"]],
        options=run.options.to_mapping() | _edits(facts.edits),
        model=run.network.to_mapping(),
        network=run.network.stand_in or "model",
        stage_seconds=run.watch.to_mapping(),
        devices=_devices(facts),
        output=_output(facts),
        timing=read_timing(run.film).to_mapping(_meant(facts)),
        warnings=notes,
    )


def _devices(facts: Facts) -> dict[str, str]:
    """What each stage ran on that may run on several."""
    network = dict.fromkeys(("encode", "denoise", "decode"), facts.run.network.device)
    return network | {"faces": facts.scout.finder.device}


def _output(facts: Facts) -> dict[str, Any]:
    coding = encoding_of(facts.run.options).of(facts.film)
    return {
        "width": coding.width,
        "height": coding.height,
        "frame_rate": ratio(facts.film.rate),
        "codec": coding.codec,
        "pix_fmt": coding.layout.name,
        "quality": int(coding.options["crf"]),
    }


def _meant(facts: Facts) -> Meant:
    """When the first and the last packet of picture and sound were to begin."""
    first, last = facts.segments[0], facts.segments[-1]
    tick = facts.film.time_base
    end = heard_until(last.end * tick, facts.sound, facts.film)
    base = facts.sound.time_base
    begins = ends = None
    for time, _, _ in facts.sound.packets():
        if time * base >= end:
            break
        begins, ends = time if begins is None else begins, time
    heard = (begins or 0) * base, (ends or 0) * base
    return Meant(first.start * tick, last.last * tick, *heard)


def _notes(facts: Facts) -> Iterator[document.Note]:
    if facts.unreadable:
        yield document.note(
            "unreadable_pictures",
            f"{document.counted(facts.unreadable, 'picture')} of the video could not be read; what"
            " came before was shown longer.",
        )
    columns, rows = facts.film.gained
    gained = ["one column"] * columns + ["one row"] * rows
    if gained and not facts.run.options.exact_size:
        yield document.note(
            "size_gained",
            f"The result has {' and '.join(gained)} of pixels more than the video: its encoding"
            " needs an even width and height.",
        )
    for code, sentence in facts.scout.notes(facts.source_frames):
        yield document.note(code, sentence)
    if facts.run.network.remark:
        yield document.note("slower_than_usual", facts.run.network.remark)
    if facts.run.options.speed == "fast":
        yield document.note(
            "approximated", "The option speed=fast took approximations; the default takes none."
        )


def _edits(edits: Sequence[Edit]) -> dict[str, Any]:
    """Parts that were made anew have options of their own."""
    return {"parts": [edit.to_mapping() for edit in edits]} if edits else {}


def _without_thumbnail(track: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in track.items() if name != "thumbnail_jpeg"}


def _stretches(ranges: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Those that were left as they are, whatever the reason: first and last of each."""
    found: list[tuple[int, int]] = []
    for row in ranges:
        if row["state"] != "passed_through":
            continue
        if found and found[-1][1] == row["first"] - 1:
            found[-1] = (found[-1][0], row["last"])
        else:
            found.append((row["first"], row["last"]))
    return found
