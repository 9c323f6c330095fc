"""What a run tells of itself, gathered from its segments and from the finished file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.filming import encoding_of
from inference.media import Sound
from inference.media.info import ratio
from inference.media.joining import heard_until
from inference.media.source import Film
from inference.media.timing import Meant, read_timing
from inference.networks import Network
from inference.options import SyncOptions
from inference.recipe import Edit
from inference.report import document
from inference.report.measures import Measures
from inference.result import SyncResult, sha256_of
from inference.segments import Segment
from inference.stopwatch import Stopwatch


@dataclass(frozen=True)
class Facts:
    """What is known when a result is finished. made: the file, before it is put at its place.
    source_frames: pictures of the source that were read; unreadable: those that could not be.
    notes: the scout's, a code and a sentence each."""

    network: Network
    options: SyncOptions
    edits: Sequence[Edit]
    film: Film
    sound: Sound
    segments: Sequence[Segment]
    measures: Measures
    made: Path
    source_frames: int
    unreadable: int
    faces: Mapping[str, Any]
    face_device: str
    notes: Sequence[tuple[str, str]]
    watch: Stopwatch


def result_of(facts: Facts, out: Path) -> SyncResult:
    measured = facts.measures.to_mapping()
    report = _report(facts, measured)
    first, last = facts.segments[0], facts.segments[-1]
    frames = measured["frames"]
    size = report["output"]
    return SyncResult(
        path=out,
        frames=frames["count"],
        synced_frames=frames["synced"] + frames["bridged"],
        passed_through=_stretches(frames["ranges"]),
        frame_rate=facts.film.rate,
        duration=(last.end - first.start) * facts.film.time_base,
        width=size["width"],
        height=size["height"],
        size_bytes=facts.made.stat().st_size,
        sha256=sha256_of(facts.made),
        model=facts.network.to_mapping(),
        device=facts.network.device,
        steps=facts.options.steps,
        guidance=facts.options.guidance,
        seed=facts.options.seed,
        stage_seconds=facts.watch.to_mapping(),
        warnings=[warning["message"] for warning in report["warnings"]],
        report=report,
        faces=facts.faces,
    )


def _report(facts: Facts, measured: Mapping[str, Any]) -> dict[str, Any]:
    coding = encoding_of(facts.options).of(facts.film)
    device = facts.network.device
    return document.make(
        measured,
        source_frames=facts.source_frames,
        tracks=[_without_thumbnail(track) for track in facts.faces["tracks"]],
        options=facts.options.to_mapping() | _edits(facts.edits),
        model=facts.network.to_mapping(),
        network=facts.network.stand_in or "model",
        stage_seconds=facts.watch.to_mapping(),
        devices={
            "encode": device,
            "denoise": device,
            "decode": device,
            "faces": facts.face_device,
        },
        output={
            "width": coding.width,
            "height": coding.height,
            "frame_rate": ratio(facts.film.rate),
            "codec": coding.codec,
            "pix_fmt": coding.layout.name,
            "quality": int(coding.options["crf"]),
        },
        timing=read_timing(facts.made).to_mapping(_meant(facts)),
        warnings=_notes(facts),
    )


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
            f"{facts.unreadable} pictures of the video could not be read;"
            " the ones before them stood in their places.",
        )
    columns, rows = facts.film.gained
    if (columns or rows) and not facts.options.exact_size:
        yield document.note(
            "size_gained",
            f"The result has {columns} columns and {rows} rows more than the video:"
            " its encoding needs an even width and height.",
        )
    for code, sentence in facts.notes:
        yield document.note(code, sentence)
    if facts.network.remark:
        yield document.note("slower_than_usual", facts.network.remark)
    if facts.options.speed == "fast":
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
