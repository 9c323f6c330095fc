"""All that can befall jobs, in any order: the moves that hypothesis plays.

Two tenants, with two lanes and with one. Workers forget nothing they ever claimed and may speak up
at any time; time passes by rewriting what it is compared with.
"""

import sys

from django.db import transaction
from hypothesis.stateful import initialize

from jobs import lifecycle
from jobs.clock import database_now
from jobs.models import Attempt, Job
from messaging.models import OutboxMessage
from tenants.context import acting_for, as_operator
from tenants.models import Tenant
from tests.jobs import promised
from tests.jobs.interleaving.hands import deliver, heard
from tests.jobs.interleaving.mishaps import Mishaps
from tests.jobs.interleaving.story import MOST_WAITING


class Engine(Mishaps):
    """At the end of a story honest workers come, and then each job must end."""

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.all_ends_well()
        finally:
            transaction.set_rollback(True)
            self.story.__exit__(None, None, None)

    @initialize()
    def three_jobs_wait_for_workers_and_one_for_its_probe(self) -> None:
        for which in (0, 0, 1, 1):
            self.submit(which, None, False)
        for job in self.jobs[:3]:
            with acting_for(job.tenant_id):
                lifecycle.accept_probe(job.id)
        self.admit()

    def all_ends_well(self) -> None:
        """Honest workers and a queue that forgets nothing: then every job comes to its end."""
        with as_operator("a test"):
            Tenant.objects.update(suspended_at=None)
        rounds = 0
        while self.an_honest_round_leaves_something():
            rounds += 1
            assert rounds <= 2 * MOST_WAITING, "some job never ends"
        self.the_promise_holds()
        with as_operator("a test"):
            OutboxMessage.objects.update(sent_at=database_now())
        promised.is_kept(self.seen)

    def an_honest_round_leaves_something(self) -> bool:
        with as_operator("a test"):
            alive = set(Attempt.objects.filter(ended_at=None).values_list("id", flat=True))
        for hand in [hand for hand in self.hands if hand.id in alive]:
            with heard(hand):
                deliver(hand)
        while self.the_next_for("an honest one"):
            pass
        with as_operator("a test"):
            return Job.objects.unfinished().exists()
