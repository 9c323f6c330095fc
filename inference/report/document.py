"""report.json: what was asked, what ran, what it measured, and what deserves a warning."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from inference.report.schema import VERSION

# Where a figure becomes a warning. docs/report.md says why there.
SOFT, SEAM = 0.5, 2.0
PADDING = 0.128  # seconds: a codec's last packet is full, 1024 samples at 8 kHz at most
Note = dict[str, str]
# Of the machine, not of the result: it stays in the report.
FOR_THE_OPERATOR = frozenset({"slower_than_usual"})


def make(
    measured: Mapping[str, Any],
    *,
    source_frames: int,
    tracks: Iterable[Mapping[str, Any]],
    options: Mapping[str, Any],
    model: Mapping[str, Any],
    network: str,
    stage_seconds: Mapping[str, float],
    devices: Mapping[str, str],
    output: Mapping[str, Any],
    timing: Mapping[str, Any],
    warnings: Iterable[Note] = (),
) -> dict[str, Any]:
    """The whole report, ready for JSON and true to schema.json.

    measured: Measures.to_mapping(). source_frames: pictures of the source that were read. network:
    "model", or what a test put in its place. devices: of the stages that did not run on the CPU.
    output: the result's size, rate and codecs. timing: Timing.to_mapping() of the finished file.
    warnings: note()s beyond those that follow from the figures.
    """
    stages = {
        stage: {"seconds": round(seconds, 3), "device": devices.get(stage, "cpu")}
        for stage, seconds in stage_seconds.items()
    }
    report = {
        "version": VERSION,
        "model": dict(model),
        "network": network,
        "options": dict(options),
        "stages": stages,
        **measured,
        "tracks": [dict(track) for track in tracks],
        "output": dict(output),
        "timing": dict(timing),
    }
    report["frames"] = {"source": source_frames, **measured["frames"]}
    return report | {"warnings": [*_warnings(report), *warnings]}


def note(code: str, message: str) -> Note:
    """A warning: a stable code and a sentence, which customers read too."""
    return {"code": code, "message": message}


def for_customers(report: Mapping[str, Any]) -> list[str]:
    """The sentences of a report that whoever gets the result should read."""
    return [told["message"] for told in report["warnings"] if told["code"] not in FOR_THE_OPERATOR]


def counted(count: int, word: str) -> str:
    """1 frame, 2 frames."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def write(path: Path, report: Mapping[str, Any]) -> None:
    """As UTF-8 JSON. Raises ValueError for a number that JSON doesn't know (NaN, infinity)."""
    text = json.dumps(report, ensure_ascii=False, allow_nan=False, indent=1)
    path.write_text(text + "\n", "utf-8")


def _warnings(report: Mapping[str, Any]) -> Iterable[Note]:
    yield from _of_the_run(report)
    yield from _of_the_picture(report)
    yield from _of_the_timing(report)


def _of_the_run(report: Mapping[str, Any]) -> Iterable[Note]:
    if report["network"] != "model":
        yield note("no_model", f"No model ran: {report['network']} stood in its place.")
    frames, windows = report["frames"], report["windows"]
    if frames["passed_through"]:
        left = f"{frames['passed_through']} of {counted(frames['count'], 'frame')}"
        yield note("passed_through", f"{left} stayed as in the source.")
    if frames["bridged"]:
        yield note(
            "bridged",
            f"In {counted(frames['bridged'], 'frame')} no face was found; its place was taken from"
            " the frames before and after.",
        )
    if windows["findings"]:
        yield note(
            "window_failed",
            f"{counted(len(windows['findings']), 'time')} the model made unusable pictures, of a"
            f" few frames each; a second attempt mended {windows['mended']}.",
        )


def _of_the_timing(report: Mapping[str, Any]) -> Iterable[Note]:
    timing = report["timing"]
    half = timing["frame_seconds"] / 2
    offsets = [timing[f"offset_{end}_seconds"] or 0 for end in ("start", "end")]
    worst = max(map(abs, offsets))
    if worst > half:
        yield note("sound_offset", f"Sound and picture are {worst * 1000:.0f} ms apart.")
    gap = timing["gap_end_seconds"] or 0
    # The other lengths end where the picture does, whatever the sound's own length is.
    as_sound = report["options"].get("length", "audio") in ("audio", "loop", "hold")
    if as_sound and abs(gap) > half + PADDING:
        yield note("sound_length", f"Sound and picture end {abs(gap) * 1000:.0f} ms apart.")


def _of_the_picture(report: Mapping[str, Any]) -> Iterable[Note]:
    sharpness, seam = report["sharpness"], report["seam"]
    if sharpness and sharpness["ratio"] < SOFT:
        yield note(
            "soft_mouth",
            f"The mouth is softer than in the source: it has {sharpness['ratio'] * 100:.0f} % of"
            " the sharpness.",
        )
    if seam and seam["added"] > SEAM:
        yield note(
            "visible_seam",
            f"The border of the new mouth may be seen: it adds a step of {seam['added']:.1f} levels"
            " of 255.",
        )
