"""What the dispatcher does each second, timed in this process and rolled back.

Sizes take turns within a round, so that an hour that grows busy is busy for all of them.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction
from django.test.utils import override_settings
from prometheus_client import CollectorRegistry, generate_latest

from benchmarks.measuring import medians
from benchmarks.stage import Stage
from jobs import admission, metrics, reconciling
from messaging import sending
from tenants.context import as_operator

A_DAY = 86_400  # before that, the reconciler misses nothing that the crowd sent
TIMES = 3  # a round; before them once, for what a new connection must first look up

FREE_100 = """
UPDATE jobs_job SET state = 'canceled', lane = NULL, finished_at = now()
WHERE lane = 0 AND tenant_id IN (SELECT tenant_id FROM jobs_job WHERE lane = 0 LIMIT 100)
"""
LOSE_100 = """
WITH lost AS (
    UPDATE jobs_job SET dispatched_at = now() - interval '2 days'
    WHERE lane = 0 AND tenant_id IN (SELECT tenant_id FROM jobs_job WHERE lane = 0 LIMIT 100)
    RETURNING id
)
UPDATE messaging_outboxmessage SET sent_at = now() - interval '2 days'
WHERE actor = 'lipsync' AND payload->>'job_id' IN (SELECT id::text FROM lost)
"""
UNSEND_20 = """
UPDATE messaging_outboxmessage SET sent_at = NULL
WHERE id IN (SELECT id FROM messaging_outboxmessage ORDER BY id DESC LIMIT 20)
"""


@dataclass(frozen=True)
class Turn:
    """`before` is SQL that makes something to do, one thing for each row that it changes; the clock
    starts after it. `run` tells how much was done."""

    name: str
    run: Callable[[], int]
    before: str = ""


def scrape() -> bytes:
    """What the dispatcher answers to `GET /metrics`, as far as it asks the database."""
    registry = CollectorRegistry()
    registry.register(metrics.DemandCollector())
    return generate_latest(registry)


def repairs() -> int:
    return sum(reconciling.reconcile().values())


TURNS = (
    Turn("admission turn, all lanes taken", admission.admit),
    Turn("admission turn, 100 lanes given", admission.admit, FREE_100),
    Turn("reconciler turn, all is well", repairs),
    Turn("reconciler turn, 100 messages lost", repairs, LOSE_100),
    Turn("outbox, 20 due messages claimed", lambda: len(sending._claim()), UNSEND_20),
)
SCRAPE = "metrics, asked of the database"

Seconds = Mapping[str, Mapping[int, float]]  # by what was measured, by waiting jobs


def measure(stage: Stage, names: Mapping[int, str], rounds: int) -> Seconds:
    """The median of each turn at each size."""
    found: dict[str, dict[int, list[float]]] = {}
    for _ in range(rounds):
        for size, name in names.items():
            stage.enter(name)
            for turn in TURNS:
                times = [_timed(turn) for _ in range(1 + TIMES)]
                found.setdefault(turn.name, {}).setdefault(size, []).extend(times[1:])
            times = [_timed_scrape() for _ in range(1 + TIMES)]
            found.setdefault(SCRAPE, {}).setdefault(size, []).extend(times[1:])
    return medians(found)


def _timed(turn: Turn) -> float:
    with undone(turn) as wanted:
        begun = time.perf_counter()
        done = turn.run()
        seconds = time.perf_counter() - begun
    if done != wanted:  # what finds nothing to do is quick
        raise RuntimeError(f"{turn.name}: {wanted} were to be done, {done} were")
    return seconds


@contextmanager
def undone(turn: Turn) -> Iterator[int]:
    """The operator's transaction with so much to do in it; nothing of it is kept."""
    with override_settings(DISPATCH_LOST_SECONDS=A_DAY), as_operator("time a turn"):
        wanted = 0
        if turn.before:
            with connection.cursor() as cursor:
                cursor.execute(turn.before)
                wanted = cursor.rowcount
        yield wanted
        transaction.set_rollback(True)


def _timed_scrape() -> float:
    begun = time.perf_counter()
    scrape()
    return time.perf_counter() - begun
