"""Whether the promise holds in the database: one end, one result, one record, no lane lost.

The constraints and triggers make most of it impossible. This is what an operator runs after a
restore, a migration gone wrong or a night of faults, and what should always find nothing. It reads
whole tables. Inside as_operator().
"""

from collections.abc import Iterator

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from billing.models import UsageRecord
from jobs.models import TERMINAL, Attempt, Job, Segment, State
from jobs.usage import OUTPUT_SECONDS

SHOWN = 5


def contradictions() -> Iterator[str]:
    """Each as a sentence that names the first jobs."""
    for sentence, jobs in _checks().items():
        count = jobs.count()
        if count:
            ids = ", ".join(str(job_id) for job_id in jobs.values_list("id", flat=True)[:SHOWN])
            more = ", ..." if count > SHOWN else ""
            yield f"{count} {sentence}: {ids}{more}"


def _checks() -> dict[str, QuerySet[Job]]:
    live = Exists(Attempt.objects.filter(job=OuterRef("id"), ended_at=None))
    ended, jobs = Q(state__in=TERMINAL), Job.objects.order_by("id")
    succeeded = Q(state=State.SUCCEEDED)
    return {
        "ended jobs hold a lane": jobs.filter(ended, lane__isnull=False),
        "processing jobs have no live attempt": jobs.filter(~live, state=State.PROCESSING),
        "jobs have a live attempt and are not processing": jobs.filter(live).exclude(
            state=State.PROCESSING
        ),
        "ended jobs still own pieces": jobs.filter(
            ended, Exists(Segment.objects.filter(job=OuterRef("id")))
        ),
        "succeeded jobs have no usage record": jobs.filter(succeeded, ~_recorded()),
        "jobs have a usage record and have not succeeded": jobs.filter(~succeeded, _recorded()),
        "jobs were recorded twice": jobs.filter(_recorded(twice=True)),
    }


def _recorded(*, twice: bool = False) -> Exists:
    """By the ledger: what was delivered, without later corrections."""
    records = UsageRecord.objects.filter(
        source_id=OuterRef("id"), metric=OUTPUT_SECONDS, corrects=None
    )
    if not twice:
        return Exists(records)
    counts = records.order_by().values("source_id").annotate(n=Count("id"))
    return Exists(counts.filter(n__gt=1))
