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
        pods = given["pods"]
        if pods is not None and pods < 0:
            raise CommandError("There can't be fewer than 0 pods.")
        if pods is None:
            pods = max(reports.workers_at_work(), scaling.POLICY.fewest)
        counts = reports.demand()
        told = {"queued": counts.queued, "runnable": counts.runnable, "running": counts.processing}
        wanted = reports.scaling_demand()
        why = scaling.explain(**told, demand=wanted, pods=pods)
        if given["json"]:
            recommended = scaling.recommend(wanted, pods)
            figures = {**told, "demand": wanted, "pods": pods, "recommended": recommended}
            self.stdout.write(json.dumps({**figures, "why": why}, indent=2))
            return
        self.stdout.write("\n".join(why))
