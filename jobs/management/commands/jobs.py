"""Jobs of all tenants, from the operator's shell."""

import sys
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet

from jobs import checking, operating, redriving, stuck
from jobs.clock import utc
from jobs.errors import JobError
from jobs.failures import OURS
from jobs.management.naming import found, moment
from jobs.management.showing import ATTEMPT, attempts, facts
from jobs.models import Job, State
from tenants import people
from tenants.context import as_operator
from tenants.errors import TenantError
from tenants.management.tables import table


class Command(BaseCommand):
    help = (
        "Look after jobs of all tenants. JOB is its id, or the last eight characters of it; "
        "all times are UTC."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        listing = verbs.add_parser("list", help="jobs with their states, the newest first")
        listing.add_argument("--tenant", help="only this tenant's, by its slug")
        listing.add_argument("--state", choices=State.values, help="only those in it")
        listing.add_argument("--limit", type=int, default=20, help="how many (20)")
        verbs.add_parser("show", help="all about one job").add_argument("job")
        verbs.add_parser("cancel", help="end one job").add_argument("job")
        verbs.add_parser("check", help="whether the promise holds; finds nothing if all is well")
        waiting = verbs.add_parser("stuck", help="what does not move, why, and what comes next")
        waiting.add_argument("--minutes", type=int, default=5, help="waiting longer than that")
        waiting.add_argument("--tenant")
        waiting.add_argument("--limit", type=int, default=20)
        self._add_redrive(verbs.add_parser("redrive", help="bring jobs on at once, or back"))

    def _add_redrive(self, parser: CommandParser) -> None:
        parser.add_argument("job", nargs="*")
        dead = "all whose messages nobody could read"
        parser.add_argument("--all-dead", action="store_true", help=dead)
        parser.add_argument("--code", help="all that failed with it, by our fault")
        since = "what broke since then: 2h, 30m, 1d, or 2026-11-28T03:00Z"
        parser.add_argument("--since", metavar="TIME", help=since)
        parser.add_argument("--tenant")
        parser.add_argument("--dry-run", action="store_true", help="tell what would be done")
        parser.add_argument("--yes", action="store_true", help="ask nothing")

    def handle(self, *_: Any, **given: Any) -> None:
        try:
            getattr(self, f"do_{given['verb']}")(given)
        except (JobError, TenantError) as refusal:
            raise CommandError(str(refusal)) from None

    def do_list(self, given: dict[str, Any]) -> None:
        with as_operator("jobs list"):
            jobs = _of_tenant(Job.objects.select_related("tenant", "video"), given)
            if given["state"]:
                jobs = jobs.filter(state=given["state"])
            rows = [_row(job) for job in jobs[: given["limit"]]]
        self._print(["job", "tenant", "state", "%", "error", "submitted", "video"], rows)

    def do_show(self, given: dict[str, Any]) -> None:
        with as_operator("jobs show"):
            job = found(given["job"])
            for name, value in facts(job).items():
                self.stdout.write(f"{name:12} {value}")
            rows = attempts(job)
        if rows:
            self.stdout.write("")
            self._print(ATTEMPT, rows)

    def do_cancel(self, given: dict[str, Any]) -> None:
        with as_operator("jobs cancel"):
            job_id = found(given["job"]).id
        (done,) = operating.cancel_all([job_id], by="operator")
        if not done.done:
            raise CommandError(done.did)
        self.stdout.write(done.did)

    def do_check(self, given: dict[str, Any]) -> None:
        with as_operator("jobs check"):
            wrong = list(checking.contradictions())
        if wrong:
            raise CommandError("\n".join(wrong))
        self.stdout.write("Every job is what the promise says.")

    def do_stuck(self, given: dict[str, Any]) -> None:
        patience = timedelta(minutes=given["minutes"])
        with as_operator("jobs stuck"):
            tenant = people.find_tenant(given["tenant"]).id if given["tenant"] else None
            alarms = list(stuck.alarms())
            standing = stuck.standing(
                longer_than=patience, limit=given["limit"] + 1, tenant_id=tenant
            )
        for alarm in alarms:
            self.stdout.write(self.style.ERROR(alarm))
        rows = [
            (s.job.short_id, s.job.tenant.slug, s.job.state, s.reason, utc(s.since), s.then)
            for s in standing[: given["limit"]]
        ]
        if not rows:
            self.stdout.write(f"No job has waited longer than {given['minutes']} minutes.")
            return
        self._print(["job", "tenant", "state", "waits for", "since", "what comes next"], rows)
        if len(standing) > len(rows):
            self.stdout.write("... and more: --limit, --minutes and --tenant choose.")

    def do_redrive(self, given: dict[str, Any]) -> None:
        ids = self._chosen(given)
        if not ids:
            self.stdout.write("There is nothing to redrive.")
            return
        dry_run = given["dry_run"]
        if not (given["job"] or given["yes"] or dry_run) and not self._confirmed(len(ids)):
            raise CommandError("Nothing was done.")
        done = operating.redrive_all(ids, by="operator", dry_run=dry_run)
        heading = "what would be done" if dry_run else "what was done"
        rows = [
            (r.job.short_id, r.job.tenant.slug, r.job.state, r.job.error_code, r.did) for r in done
        ]
        self._print(["job", "tenant", "was", "error", heading], rows)
        left = sum(not each.done for each in done)
        if left:
            raise CommandError(f"{left} of {len(done)} jobs were left alone.")

    def _chosen(self, given: dict[str, Any]) -> list[UUID]:
        by_filter = given["all_dead"] or given["code"] or given["since"] or given["tenant"]
        if bool(given["job"]) == bool(by_filter):
            raise CommandError(
                "Name jobs, or choose them by --all-dead, --code, --since, --tenant."
            )
        if given["code"] and given["code"] not in OURS:
            raise CommandError(
                f"{given['code']} is none of our faults: the job's owner can retry it. "
                f"Ours are {', '.join(sorted(OURS))}."
            )
        with as_operator("jobs redrive"):
            if given["job"]:
                return [found(name).id for name in given["job"]]
            jobs = redriving.all_dead() if given["all_dead"] else redriving.candidates()
            if given["code"]:
                jobs = jobs.filter(error_code=given["code"])
            if given["since"]:
                jobs = redriving.since(jobs, moment(given["since"]))
            return list(_of_tenant(jobs, given).values_list("id", flat=True))

    def _confirmed(self, count: int) -> bool:
        if not sys.stdin.isatty():
            raise CommandError(f"{count} jobs: look with --dry-run, then add --yes.")
        return input(f"Redrive {count} jobs? [y/N] ").strip().lower() in ("y", "yes")

    def _print(self, head: list[str], rows: list[Any]) -> None:
        self.stdout.write(table(head, rows))


def _of_tenant(jobs: QuerySet[Job], given: dict[str, Any]) -> QuerySet[Job]:
    return jobs.filter(tenant=people.find_tenant(given["tenant"])) if given["tenant"] else jobs


def _row(job: Job) -> tuple[object, ...]:
    name = job.tenant.slug
    submitted = utc(job.created_at)
    return (job.short_id, name, job.state, job.percent, job.error_code, submitted, job.video)
