"""Why there are as many GPU workers as there are."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs import reports, scaling


class Command(BaseCommand):
    help = "Explain the number of GPU workers that the autoscaling policy asks for just now."

    def add_arguments(self, parser: CommandParser) -> None:
        told = "how many there are; if not given, as many as have a job in hand, and at least one"
        parser.add_argument("--pods", type=int, help=told)
        parser.add_argument("--json", action="store_true")

    def handle(self, *_: Any, **given: Any) -> None:
        told = counts_now(given["pods"])
        why = scaling.explain(**told)
        if not given["json"]:
            self.stdout.write("\n".join(why))
            return
        recommended = scaling.recommend(told["demand"], told["pods"])
        self.stdout.write(json.dumps({**told, "recommended": recommended, "why": why}, indent=2))


def counts_now(pods: int | None) -> dict[str, Any]:
    """What there is at this moment. Raises CommandError."""
    if pods is None:
        pods = max(reports.workers_at_work(), scaling.POLICY.fewest)
    if pods < 0:
        raise CommandError("There can't be fewer than 0 pods.")
    counts = reports.demand()
    return {
        "queued": counts.queued,
        "runnable": counts.runnable,
        "running": counts.processing,
        "demand": reports.scaling_demand(),
        "pods": pods,
    }
