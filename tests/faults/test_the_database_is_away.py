"""PostgreSQL restarted, killed, or out of reach for longer than a message is hidden."""

from contextlib import contextmanager

import pytest
from django.db import connections
from psycopg import sql

from tests import database
from tests.faults import promise
from tests.faults.conftest import submit_files
from tests.faults.endings import comes_to_an_end
from tests.faults.house import BRIEF, IMPATIENT
from tests.faults.processes import until
from tests.faults.server import kill

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

SECONDS_OF_WORK = {"steps": 100, "step_seconds": 0.1, "piece_steps": 5}
# The tests' own server confirms a commit before it is written down; production's does not.
DURABLE = "?options=-c%20synchronous_commit%3Don"


@pytest.fixture
def server():
    """The server that these tests may end: the one that they started."""
    if database.running is None:
        pytest.skip("DATABASE_URL names a server that is not ours to end")
    yield database.running
    forget_connections()


def forget_connections():
    """The tests' own, which broke with the server."""
    connections.close_all()
    connections["default"].close_pool()


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_a_server_that_goes_and_comes_in_the_middle_of_a_job(house, submit, server, end):
    """Every process goes on by itself; what was committed is there."""
    house.environment["DATABASE_URL"] += DURABLE
    house.start_queues()
    house.start("dispatcher")
    house.plan(**SECONDS_OF_WORK)
    house.start("gpu-worker")
    job = submit()
    until(lambda: house.pieces_of(job.id) > 0, "the job is under way")
    server.stop() if end == "stopped" else kill(server)
    server.start()
    forget_connections()
    comes_to_an_end(house, job)
    assert job.state == "succeeded"


def test_a_server_that_takes_over_and_for_a_while_lets_nobody_write(house, submit, server):
    """Connections that were made in that while are of no use later on."""
    house.start_queues()
    house.start("dispatcher")
    house.plan(**SECONDS_OF_WORK)
    house.start("gpu-worker")
    job = submit()
    until(lambda: house.pieces_of(job.id) > 0, "the job is under way")
    with read_only(server):
        for name in ("dispatcher", "gpu-worker"):
            until(lambda name=name: house.reads(name, "read-only"), f"the {name} has come to it")
    comes_to_an_end(house, job)
    assert (job.state, job.attempts) == ("succeeded", 1)


@contextmanager
def read_only(server):
    """Whoever connects meanwhile can only read, also when that is over; nobody stays connected."""
    name = sql.Identifier(database.NAME)
    with server.connect() as connection:
        change = sql.SQL("ALTER DATABASE {} {} default_transaction_read_only {}").format
        connection.execute(change(name, sql.SQL("SET"), sql.SQL("= on")))
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [database.NAME],
        )
        try:
            yield
        finally:
            connection.execute(change(name, sql.SQL("RESET"), sql.SQL("")))
            forget_connections()


def test_out_of_reach_for_longer_than_a_message_is_hidden(house, submit):
    """Its message comes again to a worker that can't claim, and dies; the job does not."""
    house.start_queues()
    house.plan(**SECONDS_OF_WORK)
    with house.proxy() as proxy:
        for name in ("dispatcher", "task-worker"):
            house.start(name, **proxy.way)
        house.start("gpu-worker", **BRIEF, **proxy.way)
        job = submit()
        until(lambda: house.pieces_of(job.id) > 0, "the job is under way")
        proxy.refuse()
        until(lambda: house.tells("model_process_killed"), "the worker lets go of the job")
        until(lambda: house.queues.receives("lipsync.fifo") > 1, "its message comes again")
        house.plan()
        proxy.restore()
        comes_to_an_end(house, job)
    assert job.state == "succeeded"


@pytest.mark.parametrize("how", ["refuse", "stall"])
def test_out_of_reach_of_one_worker_while_another_finishes(house, submit, how):
    """It gives its job up before another may have it, and writes nothing when it is back."""
    house.start_queues()
    house.start("dispatcher")
    house.plan(**SECONDS_OF_WORK)
    with house.proxy() as proxy:
        impatient = {"DATABASE_URL": proxy.address + IMPATIENT}
        cut_off = house.start("gpu-worker", **BRIEF, **impatient)
        job = submit()
        until(lambda: house.pieces_of(job.id) > 0, "the job is under way")
        getattr(proxy, how)()
        until(lambda: house.tells("model_process_killed"), "the worker lets go of the job")
        house.plan()
        house.start("gpu-worker")
        until(job.has_ended, "another worker ends the job")
        before = job.result
        proxy.restore()
        assert cut_off.terminate() == 0
        assert promise.settled(job.id, house.queues) == []
    assert (job.state, job.attempts, job.result) == ("succeeded", 2, before)


def test_out_of_reach_of_the_dispatcher_alone(house, submit):
    """Another one leads, while the first waits at a wall."""
    house.start_queues()
    house.start("gpu-worker")
    with house.proxy() as proxy:
        first = house.start("dispatcher", **proxy.way)
        until(lambda: house.tells("dispatcher_led"), "the first one leads")
        proxy.refuse()
        house.start("dispatcher")
        job = submit()
        comes_to_an_end(house, job)
        proxy.restore()
        assert first.alive
    assert (job.state, job.attempts) == ("succeeded", 1)


def test_out_of_reach_of_the_task_worker_that_looks_at_the_files(house, tenant, settings):
    house.start_queues()
    for name in ("dispatcher", "gpu-worker"):
        house.start(name)
    video, audio = (settings.SAMPLE_DIR / name for name in ("face.mp4", "voice.wav"))
    with house.proxy() as proxy:
        house.start("task-worker", **BRIEF, **proxy.way)
        proxy.refuse()
        job = submit_files(tenant, video.read_bytes(), audio.read_bytes())
        until(lambda: house.queues.receives("tasks") > 0, "the message is received in vain")
        proxy.restore()
        comes_to_an_end(house, job)
    assert (job.state, job.attempts) == ("succeeded", 1)


def test_the_queue_out_of_reach_while_the_database_is_there(house, submit):
    """The job under way is finished and recorded; the next one is sent when the queue is back."""
    queues = house.start_queues()
    house.start("dispatcher")
    house.plan(**SECONDS_OF_WORK)
    house.start("gpu-worker")
    first = submit()
    until(lambda: house.pieces_of(first.id) > 0, "the job is under way")
    queues.kill()
    second = submit()
    until(first.has_ended, "the first job ends")
    until(lambda: house.tells("message_not_sent"), "the second one waits in the outbox")
    house.start_queues()
    until(second.has_ended, "the second job ends")
    assert [promise.settled(job.id, house.queues) for job in (first, second)] == [[], []]
    assert (first.attempts, second.attempts) == (1, 1)
