"""One table: what the operations do, what the database lets pass, what the page shows."""

from itertools import permutations

import pytest
from django.core.management import call_command
from django.db import transaction
from django.db.utils import DatabaseError
from django.utils import timezone

from jobs import diagram, lifecycle
from jobs.lifecycle import TRANSITIONS
from jobs.models import Job, State
from tests import making

ALLOWED = {(move.before, move.after) for move in TRANSITIONS if move.before != move.after}
# What the database's other rules ask of a job in each state, so that the trigger alone decides.
NEEDS = {
    State.VALIDATING: {"lane": None, "finished_at": None},
    State.QUEUED: {"lane": 1, "finished_at": None},
    State.PROCESSING: {"lane": 1, "finished_at": None},
    State.SUCCEEDED: {
        "lane": None,
        "finished_at": timezone.now(),
        "result_key": "k",
        "result_size_bytes": 1,
        "result_seconds_numerator": 1,
        "result_seconds_denominator": 1,
    },
    State.FAILED: {"lane": None, "finished_at": timezone.now(), "error_code": "no_face"},
    State.CANCELED: {"lane": None, "finished_at": timezone.now()},
}


@pytest.mark.parametrize(("before", "after"), list(permutations(State, 2)))
def test_the_database_makes_the_moves_of_the_table_and_no_other(acting, before, after):
    job = making.a_job(state=before, fence=1, **NEEDS[before])
    change = {"state": after, "fence": 2 if after == State.PROCESSING else 1, **NEEDS[after]}
    if (before, after) in ALLOWED:
        assert Job.objects.filter(id=job.id).update(**change) == 1
        return
    with pytest.raises(DatabaseError, match=f"cannot become {after}"), transaction.atomic():
        Job.objects.filter(id=job.id).update(**change)


@pytest.mark.parametrize("move", TRANSITIONS, ids=lambda m: f"{m.before}-{m.after}-{m.operation}")
def test_every_move_is_made_by_an_operation_that_says_what_it_does(move):
    operation = getattr(lifecycle, move.operation)
    assert operation.__doc__
    assert move.when


def test_a_move_by_another_operation_than_the_tables_is_a_mistake(acting):
    job = making.a_queued_job(lane=0)
    with pytest.raises(AssertionError, match="beat: queued -> processing"):
        lifecycle.moving.move(job, State.PROCESSING, "beat")
    with pytest.raises(AssertionError, match="succeed: queued -> canceled"):
        lifecycle.moving.end_job(job, State.CANCELED, "succeed")


def test_the_page_shows_the_table_as_it_is():
    page = diagram.PAGE.read_text()
    assert diagram.in_page(page) == page, "run: bin/run python manage.py diagram --write"


def test_a_page_that_lost_its_marks_is_told():
    with pytest.raises(ValueError, match="lost its two marks"):
        diagram.in_page("# The job engine\n")


def test_the_diagram_names_each_pair_of_states_once_and_every_move_of_it():
    drawn = diagram.drawn()
    for before, after in ALLOWED:
        [line] = [line for line in drawn.splitlines() if f"    {before} --> {after}: " in line]
        told = line.partition(": ")[2].split(", ")
        named = [m.operation for m in TRANSITIONS if (m.before, m.after) == (before, after)]
        assert sorted(told) == sorted(named)


def test_the_command_prints_what_the_page_shows(capsys):
    call_command("diagram")
    assert capsys.readouterr().out.strip() == diagram.drawn()


def test_the_command_writes_it_between_the_marks_and_nothing_else(tmp_path, monkeypatch):
    page = tmp_path / "jobs.md"
    page.write_text(f"# Before\n\n{diagram.BEGIN}\noutdated\n{diagram.END}\n\nAfter.\n")
    monkeypatch.setattr("jobs.management.commands.diagram.PAGE", page)
    call_command("diagram", write=True)
    written = page.read_text()
    assert written.startswith("# Before\n") and written.endswith("After.\n")
    assert diagram.drawn() in written and "outdated" not in written
