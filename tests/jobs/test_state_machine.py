"""Whatever workers, tenants and clocks do in whatever order: a job ends once and is billed once."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from jobs.lifecycle import TRANSITIONS
from jobs.models import Outcome
from tests.jobs.interleaving.engine import Engine

# No shrinking in the daily run: a story of forty lines can be read as it is.
DAILY = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
MORE = settings(DAILY, max_examples=15, derandomize=False)
MORE_ROUNDS = 4
LONG = settings(
    DAILY, max_examples=1000, stateful_step_count=80, derandomize=False, phases=list(Phase)
)
CHANGES = {(move.before, move.after) for move in TRANSITIONS if move.before != move.after}


def play(how: settings) -> tuple[Counter[Any], Counter[str]]:
    """All changes of state that the stories came by, and how their attempts ended."""
    moves: Counter[Any] = Counter()
    outcomes: Counter[str] = Counter()

    class Counted(Engine):
        def teardown(self) -> None:
            super().teardown()
            moves.update(+self.seen.moves)
            outcomes.update(+self.seen.outcomes)

    run_state_machine_as_test(Counted, settings=how)
    return moves, outcomes


@pytest.mark.timeout(1800)  # minutes of it, on a machine that does much else
@pytest.mark.usefixtures("db", "shelves")
def test_in_every_order_a_job_ends_once_and_is_billed_once():
    moves, outcomes = play(DAILY)
    for _ in range(MORE_ROUNDS):  # what the database's order leads away from one of them
        if set(moves) >= CHANGES and set(Outcome) <= set(outcomes):
            break
        for seen, more in zip((moves, outcomes), play(MORE), strict=True):
            seen.update(more)
    # What the stories never come by, they would not find broken either.
    assert set(moves) >= CHANGES
    assert set(Outcome) <= set(outcomes)


@pytest.mark.long
@pytest.mark.timeout(4 * 3600)  # three quarters of one on a machine that does nothing else
@pytest.mark.usefixtures("db", "shelves")
def test_in_very_many_orders_too():
    """What breaks it, hypothesis makes shorter, and prints as a program that plays it again."""
    play(LONG)
