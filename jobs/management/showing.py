"""One job as an operator reads it in a shell: facts by name, and a row for each attempt."""

from datetime import datetime

from jobs.clock import database_now, utc
from jobs.models import Attempt, Job
from jobs.stuck import last_beat
from jobs.waiting import Wait, waits_of

ATTEMPT = ["attempt", "worker", "phase", "%", "started", "ended", "outcome", "error"]


def facts(job: Job) -> dict[str, object]:
    """What is known of it, without what is empty. Inside as_operator()."""
    told = {
        "id": job.id,
        "tenant": job.tenant.slug,
        "state": job.state,
        "phase": f"{job.phase} {job.percent} %" if job.phase else "",
        **_of_the_wait(waits_of([job])[job.id]),
        **_of_the_live_attempt(job.attempts.filter(ended_at=None).first(), database_now()),
        "error": f"{job.error_code}: {job.error_message}" if job.error_code else "",
        "video": job.video.name,
        "audio": job.audio.name,
        "options": job.options,
        **_of_its_messages(job),
        **_of_its_time(job),
        "retry of": job.retry_of_id,
        "retried by": job.retried_by and job.retried_by.id,
        "result": job.result_key,
        "model": job.model_label,
    }
    return {name: value for name, value in told.items() if value not in ("", None)}


def attempts(job: Job) -> list[tuple[object, ...]]:
    """In the order of ATTEMPT."""
    return [
        (
            each.number,
            each.worker,
            each.stage,
            each.percent,
            utc(each.started_at),
            utc(each.ended_at),
            each.outcome,
            each.error_code,
        )
        for each in job.attempts.order_by("number")
    ]


def _of_the_wait(wait: Wait) -> dict[str, object]:
    finish = wait.finish
    ready = f"{utc(finish.earliest)} to {utc(finish.latest)}" if finish else ""
    return {"waiting for": wait.reason, "place": wait.position, "expected": ready}


def _of_the_live_attempt(attempt: Attempt | None, now: datetime) -> dict[str, object]:
    if attempt is None:
        return {}
    lease = attempt.lease_expires_at
    silence = max((now - last_beat(lease)).total_seconds(), 0)
    return {"lease until": utc(lease), "last beat": f"{silence:.0f} s ago"}


def _of_its_messages(job: Job) -> dict[str, object]:
    # Before the first dispatch it is the moment at which somebody was asked to look at its files.
    sent = f", the last {utc(job.dispatched_at)}" if job.dispatch_number else ""
    unheard = f" since {utc(job.unheard_since)}" if job.unheard_since else ""
    return {
        "lane": job.lane,
        "fence": job.fence,
        "dispatches": f"{job.dispatch_number}{sent}",
        "dead letters": f"{job.dead_letters}{unheard}",
        "segments": job.segments.count(),
    }


def _of_its_time(job: Job) -> dict[str, object]:
    return {
        "submitted": f"{utc(job.created_at)} by {job.submitted_by}",
        "queued": utc(job.queued_at),
        "started": utc(job.started_at),
        "finished": utc(job.finished_at),
        "deadline": utc(job.deadline),
    }
