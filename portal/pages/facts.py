"""What is known of a job, as name and value: the result, what was sent, and its course."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from django.utils import timezone

from jobs.models import Attempt, Job, Upload
from portal.templatetags.words import clock, in_bytes, in_seconds, iso, moment
from tenants import keys

CODECS = {"h264": "H.264", "mpeg4": "MPEG-4", "vorbis": "Vorbis", "opus": "Opus"}


@dataclass(frozen=True)
class Fact:
    name: str
    value: str
    code: bool = False
    datetime: str = ""


@dataclass(frozen=True)
class Card:
    title: str
    facts: list[Fact]


def cards_of(job: Job, newest: Attempt | None, sender: str) -> list[Card]:
    """sender: who sent it, in the words of `sender_of`."""
    cards = [("Sent", sent(job, sender)), ("Course", course(job, newest))]
    if job.result_facts:
        cards.insert(0, ("Result", result(job, job.result_facts)))
    return [Card(title, facts) for title, facts in cards]


def result(job: Job, told: dict[str, Any]) -> list[Fact]:
    """What deserves a second look, the warnings, stands beside the players."""
    rate = Fraction(told.get("frame_rate") or "25/1")
    return [
        Fact("Picture", f"{told.get('width')} × {told.get('height')}"),
        Fact("Frame rate", f"{float(rate):.5g} a second"),
        Fact("Length", f"{in_seconds(job.result_seconds)} ({told.get('frames')} frames)"),
        Fact("File", in_bytes(job.result_size_bytes)),
        Fact("Model", job.model_label),
        *passed_through(told.get("passed_through") or [], rate),
        Fact("SHA-256", job.result_sha256, code=True),
    ]


def sender_of(job: Job) -> str:
    """A person by e-mail address, a program by its key's name. Inside acting_for()."""
    name = keys.name_of(job.submitted_by)
    return job.submitted_by if name is None else f"{name} (API key {job.submitted_by}…)"


def sent(job: Job, sender: str) -> list[Fact]:
    named = {
        "Video": of_upload(job.video),
        "Voice": of_upload(job.audio),
        "Steps": str(job.options.get("steps", "")),
        "Guidance": str(job.options.get("guidance", "")),
        "Consent": job.consent_note,
        "Deadline": moment(job.deadline) if job.deadline else "",
        "Project": job.project,
        "Priority": str(job.priority or ""),
        "Sent by": sender,
    }
    return [Fact(name, value) for name, value in named.items() if value]


def course(job: Job, newest: Attempt | None) -> list[Fact]:
    moments = {
        "Sent": job.created_at,
        "Queued": job.queued_at,
        "Started": job.started_at,
        "Ended": job.finished_at,
    }
    facts = [at(name, when, job.created_at) for name, when in moments.items() if when]
    if newest and newest.processing_seconds:
        facts.append(Fact("Processing", in_seconds(newest.processing_seconds)))
    if newest and newest.number > 1:
        facts.append(Fact("Tries", str(newest.number)))
    return facts


def at(name: str, when: datetime, since: datetime) -> Fact:
    """A time in full, or by its clock alone when it is of the same day as the first."""
    local, first = timezone.localtime(when), timezone.localtime(since)
    same_day = when != since and local.date() == first.date()
    return Fact(name, f"{local:%H:%M:%S}" if same_day else moment(when), datetime=iso(when))


def of_upload(upload: Upload) -> str:
    """A file in one line: name, codec, picture or sound, size."""
    info = upload.media_info or {}
    stream = info.get(upload.kind) or {}
    parts = [upload.name, codec_name(stream.get("codec", ""))]
    if upload.kind == "video" and stream:
        parts.append(f"{stream['width']} × {stream['height']}")
    if upload.kind == "audio" and stream:
        parts.append(f"{stream['sample_rate'] / 1000:g} kHz")
    return ", ".join(filter(None, [*parts, in_bytes(upload.size_bytes)]))


def codec_name(codec: str) -> str:
    """As people write it: H.264, HEVC, AAC, PCM."""
    return "PCM" if codec.startswith("pcm_") else CODECS.get(codec, codec.upper())


def passed_through(ranges: list[Any], rate: Fraction) -> list[Fact]:
    """Where no usable face is, and the source stays as it was. `about`: the rate may vary."""
    if not ranges:
        return []
    spans = ", ".join(_span(first, last, rate) for first, last in ranges[:5])
    more = f" and {len(ranges) - 5} more" if len(ranges) > 5 else ""
    return [Fact("Unchanged", f"about {spans}{more}: no usable face")]


def _span(first: int, last: int, rate: Fraction) -> str:
    begin, end = clock(first / rate), clock((last + 1) / rate)
    frames = f"frame {first}" if first == last else f"frames {first} to {last}"
    return f"{begin} to {end} ({frames})"
