"""What the dispatcher asks every second can be answered by the index that was made for it.

Whether PostgreSQL prefers it is a question of numbers, and benchmarks/jobs.py asks it; here scans
of whole tables are out of the question, so a condition that no longer fits its index shows.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from jobs import admission, dispatches, lines, reconciling, reports, set_back
from jobs.clock import database_now
from jobs.models import Job, State
from messaging import outbox, sending
from tenants.context import acting_for, as_operator
from tests import database, making

INDEX = re.compile(r"Index (?:Only )?Scan (?:Backward )?(?:using|on) (\w+)")
CLOCK = {"dispatches_unheard", "probes_unheard", "leases_that_may_run_out"}
ADMISSION = {"jobs_in_line_for_a_lane", "attempts_by_their_end"}


@pytest.fixture(autouse=True)
def unworn(django_db_setup: None) -> None:
    """Tables as small as new ones and as little known, whatever other tests did with them."""
    database.empty()
    database.forget_statistics()


def indexes_of(work: Callable[[], Any]) -> set[str]:
    """The indexes in the plans of all that the work reads, scans of whole tables apart."""
    asked: list[tuple[str, Any]] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().startswith(("SELECT", "WITH")):
            asked.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        work()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        lines = [line for sql, params in asked for line in _plan(cursor, sql, params)]
    return {name for line in lines for name in INDEX.findall(line)}


def _plan(cursor: Any, sql: str, params: Any) -> list[str]:
    cursor.execute(f"EXPLAIN {sql}", params)
    return [line for (line,) in cursor.fetchall()]


@pytest.mark.parametrize(
    ("work", "wanted"),
    [
        (admission.admit, ADMISSION),
        (
            reconciling.reconcile,
            {"dispatches_unheard", "probes_unheard", "deadlines_that_may_pass"},
        ),
        (lambda: set_back.bring_back(database_now()), CLOCK),
        (sending._claim, {"outbox_lines"}),
        (reports.demand, {"jobs_in_line_for_a_lane", "one_job_a_lane"}),
    ],
    ids=["admission", "reconciler", "a clock set back", "outbox", "metrics"],
)
def test_a_turn_of_the_dispatcher_finds_its_rows_by_their_index(acme, work, wanted):
    with as_operator("look at plans"):
        assert wanted <= indexes_of(work)


def test_the_messages_of_a_job_are_found_by_its_id(acme):
    with acting_for(acme.id):
        job = making.a_queued_job()
    with as_operator("look at plans"):
        found = indexes_of(lambda: list(dispatches.of(job).order_by()))
    assert found == {"messages_of_a_job"}


def test_a_submission_counts_what_is_unfinished_and_nothing_else(acme):
    with acting_for(acme.id):
        ended = {"state": State.FAILED, "error_code": "no_face", "finished_at": database_now()}
        files = {kind: making.an_upload(kind) for kind in ("video", "audio")}
        # Enough that an index of all jobs is larger than one of the unfinished: they cost as much.
        Job.objects.bulk_create([Job(tenant=acme, **files, **ended) for _ in range(500)])
        found = indexes_of(Job.objects.unfinished().count)
    assert found == {"jobs_unfinished_by_tenant"}


def test_what_a_job_waits_for_is_found_by_its_message_as_the_tenant(acme):
    with acting_for(acme.id):
        job = making.a_queued_job(lane=0)
        # Enough that an index of all messages is larger than a page: it would cost as much, to a
        # PostgreSQL that happens to have looked at the table (ANALYZE) a moment ago.
        told = {"queue": "tasks", "tenant_id": acme.id}
        outbox.enqueue(*(outbox.message("an_actor", {}, **told) for _ in range(500)))
        found = indexes_of(lambda: lines.pauses([job], database_now()))
    assert found == {"outbox_unsent_by_id"}
