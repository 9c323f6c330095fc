"""What a story knows while it is told: tenants, their jobs, whoever ever had one in hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import transaction
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from jobs.clock import database_now
from tenants.context import acting_for, as_operator
from tenants.models import Limits
from tests.jobs import promised
from tests.jobs.interleaving.hands import Hand, Told, heard
from tests.making import a_tenant, an_upload

MOST_WAITING = 4
tenants = st.integers(0, 1)
anyone = st.integers(0, 999)  # a job or a hand; those that live are met three times as often
numbers = st.integers(0, 2)


class Story(RuleBasedStateMachine):
    """One transaction, rolled back. `promised.holds` looks at all rows after each move."""

    def __init__(self) -> None:
        super().__init__()
        self.story = transaction.atomic()
        self.story.__enter__()
        self.jobs: list[Told] = []
        self.hands: list[Hand] = []
        self.seen = promised.Seen()
        self.deadline = database_now() + timedelta(hours=1)
        self.tenants = [a_tenant("Acme", jobs_at_once=2), a_tenant("Globex", jobs_at_once=1)]
        self.pairs = {}
        for tenant in self.tenants:
            with acting_for(tenant.id):
                Limits.objects.update(jobs_waiting=MOST_WAITING)
                self.pairs[tenant.id] = an_upload("video"), an_upload("audio")

    @invariant()
    def the_promise_holds(self) -> None:
        with as_operator("a test"):
            promised.holds(self.seen)

    def job(self, pick: int, *, in_hand: bool = False) -> Told:
        """in_hand: one that a worker is at, if there is any."""
        live = [job for job in self.jobs if not promised.has_ended(self.seen, job.id)]
        begun = [hand.job for hand in self.hands if promised.is_alive(self.seen, hand.id)]
        among = begun if begun and in_hand else [*self.jobs, *live, *live]
        chosen = among[pick % len(among)]
        note(f"{chosen.id} is {self.seen.jobs.get(chosen.id, {}).get('state', 'new')}")
        return chosen

    @contextmanager
    def heard(self, pick: int) -> Iterator[Hand | None]:
        """What the worker says counts if its attempt is alive, and is refused if it is not."""
        live = [hand for hand in self.hands if promised.is_alive(self.seen, hand.id)]
        chosen = [*self.hands, *live, *live]
        if not chosen:
            yield None
            return
        hand = chosen[pick % len(chosen)]
        with heard(hand):
            yield hand
