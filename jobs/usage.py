"""What a delivered video leaves in the ledger: one billable quantity, with all that finance, the
operator and the guide's lists (G19 to G21) ask about it."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from django.db.models import Sum

from billing import ledger
from billing.models import UsageRecord
from jobs.models import Job

OUTPUT_SECONDS = "output_seconds"
MEGABYTE = 1_000_000


def record_delivery(job: Job) -> UsageRecord:
    """The exact length of the delivered picture, once for the job and for ever."""
    assert job.finished_at is not None and job.result_seconds is not None
    return ledger.record(
        job.tenant_id,
        event_id=f"job:{job.id}:{OUTPUT_SECONDS}",
        metric=OUTPUT_SECONDS,
        quantity=job.result_seconds,
        unit="second",
        source_id=job.id,
        occurred_at=job.finished_at,
        dimensions=_dimensions(job),
        measures=_measures(job),
        costs=_costs(job),
    )


def _dimensions(job: Job) -> dict[str, Any]:
    return {
        "project": job.project,
        "member": job.member_id and str(job.member_id),
        "api_key": job.api_key_id and str(job.api_key_id),
        "submitted_by": job.submitted_by,
    }


def _measures(job: Job) -> dict[str, Any]:
    """G19, of the input video, and G20, of the output."""
    info = job.video.media_info or {}
    picture: Mapping[str, Any] = info.get("video") or {}
    facts = job.result_facts or {}
    return {
        "input_bytes": job.video.size_bytes,
        "input_megabytes": round(job.video.size_bytes / MEGABYTE, 3),
        "input_seconds": info.get("duration_seconds"),
        "input_width": picture.get("width"),
        "input_height": picture.get("height"),
        "input_frames": picture.get("frames") or _frames(info, picture),
        "audio_bytes": job.audio.size_bytes,
        "output_bytes": job.result_size_bytes,
        "output_frames": facts.get("frames"),
        "output_width": facts.get("width"),
        "output_height": facts.get("height"),
        "steps": job.options.get("steps"),
        "guidance": job.options.get("guidance"),
    }


def _frames(info: Mapping[str, Any], picture: Mapping[str, Any]) -> int | None:
    """By length and rate, where the container counts no frames."""
    if not info.get("duration") or not picture.get("frame_rate"):
        return None
    return round(Fraction(info["duration"]) * Fraction(picture["frame_rate"]))


def _costs(job: Job) -> dict[str, Any]:
    """All attempts' time, the failed ones' too: it was spent, though nobody is billed for it.

    GPU time is what a GPU spent; where the model ran on the CPU there is none.
    """
    spent = job.attempts.aggregate(seconds=Sum("processing_seconds"))["seconds"] or 0
    on_gpu = 0 if (job.result_facts or {}).get("device") == "cpu" else spent
    return {
        "gpu_seconds": f"{on_gpu:.3f}",
        "gpu_hours": f"{on_gpu / 3600:.6f}",
        "attempt_seconds": f"{spent:.3f}",
        "processing_seconds": (job.result_facts or {}).get("processing_seconds"),
        "attempts": job.attempts.count(),
        "model": (job.result_facts or {}).get("model"),
        "device": (job.result_facts or {}).get("device"),
    }
