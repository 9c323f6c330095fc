"""Jobs of all tenants, from the operator's shell."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import TextField
from django.db.models.functions import Cast

from jobs import lifecycle
from jobs.errors import JobError
from jobs.models import Job, State
from jobs.waiting import waits_of
from tenants import people
from tenants.context import as_operator
from tenants.errors import TenantError
from tenants.management.tables import table

SHORTEST_END = 6


class Command(BaseCommand):
    help = "List, show and cancel jobs. A job is named by its id, or by the end of it."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        listing = verbs.add_parser("list", help="the newest first")
        listing.add_argument("--tenant")
        listing.add_argument("--state", choices=State.values)
        listing.add_argument("--limit", type=int, default=20)
        verbs.add_parser("show", help="one job with its attempts").add_argument("job")
        verbs.add_parser("cancel").add_argument("job")

    def handle(self, *_: Any, **given: Any) -> None:
        try:
            with as_operator(f"jobs {given['verb']}"):
                getattr(self, given["verb"])(given)
        except (JobError, TenantError) as refusal:
            raise CommandError(str(refusal)) from None

    def list(self, given: dict[str, Any]) -> None:
        jobs = Job.objects.select_related("tenant", "video")
        if given["tenant"]:
            jobs = jobs.filter(tenant=people.find_tenant(given["tenant"]))
        if given["state"]:
            jobs = jobs.filter(state=given["state"])
        rows = [
            (j.short_id, j.tenant.slug, j.state, j.percent, f"{j.created_at:%m-%d %H:%M}", j.video)
            for j in jobs[: given["limit"]]
        ]
        self.stdout.write(table(["job", "tenant", "state", "%", "submitted", "video"], rows))

    def show(self, given: dict[str, Any]) -> None:
        job = found(given["job"])
        for name, value in facts(job).items():
            self.stdout.write(f"{name:12} {value}")
        rows = [
            (a.number, a.worker, a.stage, f"{a.started_at:%H:%M:%S}", a.outcome, a.error_code)
            for a in job.attempts.all()
        ]
        if rows:
            head = ["attempt", "worker", "stage", "started", "outcome", "error"]
            self.stdout.write("\n" + table(head, rows))

    def cancel(self, given: dict[str, Any]) -> None:
        job = lifecycle.cancel(found(given["job"]).id, by="operator")
        ended = job.state == State.CANCELED
        self.stdout.write("canceled" if ended else "its worker stops at the next step")


def facts(job: Job) -> dict[str, object]:
    error = f"{job.error_code}: {job.error_message}" if job.error_code else ""
    wait = waits_of([job])[job.id]
    all_of_them = {
        "id": job.id,
        "tenant": job.tenant.slug,
        "state": job.state,
        "phase": f"{job.phase} {job.percent} %" if job.phase else "",
        "waiting for": wait.reason,
        "place": wait.position,
        "expected": wait.finish,
        "error": error,
        "video": job.video.name,
        "audio": job.audio.name,
        "options": job.options,
        "lane": job.lane,
        "fence": job.fence,
        "dispatches": job.dispatch_number,
        "submitted": f"{job.created_at:%Y-%m-%d %H:%M:%S} by {job.submitted_by}",
        "finished": f"{job.finished_at:%Y-%m-%d %H:%M:%S}" if job.finished_at else "",
        "result": job.result_key,
        "model": job.model_label,
    }
    return {name: value for name, value in all_of_them.items() if value not in ("", None)}


def found(named: str) -> Job:
    """By the id, or by the end of it. Raises CommandError."""
    if len(named) < SHORTEST_END:
        raise CommandError(f"Name a job by at least the last {SHORTEST_END} characters of its id.")
    jobs = Job.objects.select_related("tenant", "video", "audio")
    matching = list(
        jobs.annotate(text=Cast("id", TextField())).filter(text__endswith=named.lower())[:2]
    )
    if len(matching) != 1:
        raise CommandError(f"{'No job ends' if not matching else 'Several jobs end'} with {named}.")
    return matching[0]
