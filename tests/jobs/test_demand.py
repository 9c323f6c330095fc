"""What the autoscaler asks the database, and by which role."""

import json
import os
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from jobs import lifecycle, reports, scaling
from portal import environment
from portal.embedded.postgres import Postgres
from tenants.context import acting_for, as_operator
from tests import database
from tests.making import a_job, a_queued_job, a_tenant


def said(*words: str) -> str:
    out = StringIO()
    call_command("scaling", *words, stdout=out)
    return out.getvalue()


def some_jobs(tenant, *, waiting: int = 0, runnable: int = 0, running: int = 0) -> None:
    with acting_for(tenant.id):
        for _ in range(waiting):
            a_queued_job()
        for lane in range(runnable + running):
            job = a_queued_job(lane=lane)
            if lane < running:
                lifecycle.claim(job.id, worker=f"gpu-{lane}", lease=300)


@pytest.mark.parametrize(("runnable", "running"), [(0, 0), (1, 0), (6, 0), (3, 4), (0, 1), (9, 2)])
def test_the_database_and_the_policy_count_alike(acme, globex, runnable, running):
    some_jobs(acme, waiting=2, runnable=runnable, running=running)
    some_jobs(globex, runnable=1)
    wanted = scaling.demand(runnable=runnable + 1, running=running)
    assert reports.scaling_demand() == wanted


def test_what_can_t_run_counts_nothing(acme):
    with acting_for(acme.id):
        a_job()
        a_queued_job()
        a_job(state="failed", error_code="no_face", finished_at="2026-01-01T00:00Z")
    assert reports.scaling_demand() == 0


def test_a_tenant_is_told_of_all_of_them_and_of_none(acme, globex):
    some_jobs(globex, runnable=2)
    with acting_for(acme.id):
        assert reports.scaling_demand() == 2


@pytest.fixture
def scaler(transactional_db) -> Iterator[psycopg.Connection]:
    """As the cluster's autoscaler connects: by a role with a password, a member of the group."""
    if os.environ.get("DATABASE_URL"):
        pytest.skip("the superuser of DATABASE_URL's server is not known")
    server = Postgres(Path(environment.home()))
    with server.connect() as admin:
        admin.execute("CREATE ROLE keda LOGIN PASSWORD 'of-the-scaler' IN ROLE viseme_scaler")
        address = server.address("postgres", database.NAME)
        keda = psycopg.conninfo.make_conninfo(address, user="keda", password="of-the-scaler")
        try:
            with psycopg.connect(keda, autocommit=True) as connected:
                yield connected
        finally:
            admin.execute("DROP ROLE keda")


def test_the_scaler_may_call_the_demand(scaler):
    some_jobs(a_tenant("Acme"), runnable=1, running=1)
    assert scaler.execute("SELECT viseme_demand()").fetchone() == (5,)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT state FROM jobs_job",
        "SELECT worker FROM jobs_attempt",
        "SELECT name FROM tenants_tenant",
        "SELECT * FROM messaging_outboxmessage",
        "SELECT * FROM memberships_of(gen_random_uuid())",
        "SELECT * FROM find_api_key('')",
        "SELECT * FROM viseme_line()",
        "SELECT * FROM viseme_pace('20', 'exact')",
        "SET ROLE viseme_operator",
        "SET ROLE viseme_lookup",
        "CREATE TABLE mine ()",
    ],
)
def test_the_scaler_may_do_nothing_else(scaler, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        scaler.execute(statement)


def test_no_table_is_open_to_the_scaler(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'v', 'm') "
            "AND relnamespace = 'public'::regnamespace "
            "AND has_any_column_privilege('viseme_scaler', oid, 'SELECT, INSERT, UPDATE')"
        )
        assert cursor.fetchall() == []


def test_the_command_explains_the_number(acme):
    some_jobs(acme, waiting=3, runnable=2, running=1)
    assert said().splitlines() == [
        "5 jobs queued, 2 of them with a lane: only those could run now.",
        "1 job running. The demand is 5: each running job counts 5, so that its pod stays.",
        "With 1 pod there are more above a demand of 5 and fewer below 2: it stays.",
    ]
    assert "With 4 pods" in said("--pods", "4")


def test_the_command_gives_the_same_as_json(acme):
    some_jobs(acme, waiting=1, runnable=6)
    told = json.loads(said("--json", "--pods", "1"))
    assert len(told.pop("why")) == 3
    assert told == {
        "queued": 7,
        "runnable": 6,
        "running": 0,
        "demand": 6,
        "pods": 1,
        "recommended": 2,
    }


def test_pods_are_the_workers_that_have_a_job_if_nobody_says_how_many(acme):
    some_jobs(acme, running=3)
    assert json.loads(said("--json"))["pods"] == 3
    with as_operator("none at work"):
        assert reports.workers_at_work() == 3


def test_fewer_than_no_pods_are_refused(db):
    with pytest.raises(CommandError, match="fewer than 0"):
        said("--pods", "-1")
