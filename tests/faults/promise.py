"""The promise that every accepted job is kept by, whatever died on the way.

One terminal state, one result that is there, one set of usage records. Also for use from a shell
after a night of killing: `promise.broken(job_id)` is a list of sentences, empty when all is well.
"""

from collections import Counter
from uuid import UUID

from billing.models import UsageRecord
from jobs.models import Attempt, Job
from jobs.storage import outputs
from tenants.context import as_operator

FINAL = ("succeeded", "failed", "canceled")


def broken(job_id: UUID) -> list[str]:
    """What is wrong with a job that should have ended, each as a sentence."""
    with as_operator("check the promise"):
        job = Job.objects.get(id=job_id)
        attempts = list(Attempt.objects.filter(job=job))
        records = list(UsageRecord.objects.filter(source_id=job_id))
    return [
        *_state(job, attempts),
        *_result(job),
        *_usage(job, records),
    ]


def _state(job: Job, attempts: list[Attempt]) -> list[str]:
    wrong = []
    if job.state not in FINAL:
        wrong.append(f"The job is {job.state}.")
    if alive := [attempt for attempt in attempts if attempt.ended_at is None]:
        wrong.append(f"{len(alive)} attempts never ended.")
    won = [attempt for attempt in attempts if attempt.outcome == "succeeded"]
    if len(won) != (job.state == "succeeded"):
        wrong.append(f"{len(won)} attempts succeeded, the job is {job.state}.")
    return wrong


def _result(job: Job) -> list[str]:
    if job.state != "succeeded":
        return ["It has a result without having succeeded."] if job.result_key else []
    if not outputs().exists(job.result_key):
        return ["The result is not in the storage."]
    if outputs().size(job.result_key) != job.result_size_bytes:
        return ["The result has another size than the job says."]
    return []


def _usage(job: Job, records: list[UsageRecord]) -> list[str]:
    twice = [metric for metric, count in Counter(r.metric for r in records).items() if count > 1]
    if twice:
        return [f"Recorded more than once: {', '.join(twice)}."]
    if bool(records) != (job.state == "succeeded"):
        return [f"There are {len(records)} usage records, the job is {job.state}."]
    return []
