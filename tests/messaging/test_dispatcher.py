"""One leader, and no harm in two."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from messaging.dispatcher import LOCK, Dispatcher, own_connection
from messaging.models import OutboxMessage, TimerRun
from messaging.outbox import enqueue, message, notify
from messaging.sending import operating, send_due
from messaging.timers import Clock
from messaging.timers import run as run_timer
from tests.messaging.sqs import eventually
from tests.messaging.ticks import ran

pytestmark = pytest.mark.django_db(transaction=True)

TICK = "tests.messaging.ticks.tick"
BROKEN_TICK = "tests.messaging.ticks.broken_tick"


@pytest.fixture(autouse=True)
def no_ticks_yet():
    ran.clear()


@pytest.fixture
def start(broker, monkeypatch):
    """Starts dispatchers in threads, with a short standby; stops them afterwards."""
    monkeypatch.setattr("messaging.dispatcher.STANDBY_SECONDS", 0.05)
    started = []

    def start(*timers):
        dispatcher = Dispatcher(broker, clock=Clock(timers))
        thread = threading.Thread(target=dispatcher.run, daemon=True)
        thread.start()
        started.append((dispatcher, thread))
        return dispatcher

    yield start
    for dispatcher, _ in started:
        dispatcher.stop.set()
    with operating("test"):
        notify("")  # whoever waits for the next message looks whether it has to stop
    for _, thread in started:
        thread.join(60)
        assert not thread.is_alive()


def write():
    with operating("test"):
        enqueue(message("lipsync", {"job_id": 1}, queue="lipsync", tenant_id=None, group="a-lane"))


def end_leaders_connection():
    """As a failover does: the session is gone, the process is not."""
    with own_connection() as other:
        other.execute("SELECT pg_terminate_backend(%s)", [leaders_session()])


def leaders_session():
    """The server's process that holds the leader's lock; None while nobody leads."""
    with own_connection() as other:
        found = other.execute(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND granted",
            [LOCK],
        ).fetchone()
    return found and found[0]


def test_a_message_is_sent_as_soon_as_its_transaction_commits(start, queue, monkeypatch):
    monkeypatch.setattr("messaging.dispatcher.LONGEST_WAIT_SECONDS", 600)
    dispatcher = start(("tick", 600, TICK))
    assert dispatcher.leading.wait(60)
    eventually(lambda: ran)
    write()
    eventually(lambda: queue.size == 1)


def test_only_one_of_two_leads(start):
    first = start()
    assert first.leading.wait(60)
    second = start()
    assert not second.leading.wait(0.5)


def test_another_takes_over_when_the_leader_stops(start, queue):
    first = start()
    assert first.leading.wait(60)
    second = start()
    first.stop.set()
    assert second.leading.wait(60)
    write()
    eventually(lambda: queue.size == 1)


def test_a_lost_connection_ends_the_turn_and_another_turn_begins(start, queue):
    dispatcher = start()
    assert dispatcher.leading.wait(60)
    before = leaders_session()
    end_leaders_connection()
    eventually(lambda: leaders_session() not in (None, before))
    assert dispatcher.leading.wait(60)
    write()
    eventually(lambda: queue.size == 1)


def test_a_leader_that_slept_in_a_transaction_leads_again(start, queue, monkeypatch):
    """Its machine was paused; PostgreSQL has ended the session meanwhile."""
    naps = iter([True])

    def sleepy(broker):
        if next(naps, False):
            with operating("fall asleep"), connection.cursor() as cursor:
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
                time.sleep(1)
                cursor.execute("SELECT 1")
        return send_due(broker)

    monkeypatch.setattr("messaging.dispatcher.send_due", sleepy)
    start()
    write()
    eventually(lambda: queue.size == 1)


def test_the_server_ends_the_session_of_a_leader_that_is_gone(settings):
    settings.LEADER_LOST_SECONDS = 7
    names = ("idle_session_timeout", "tcp_keepalives_idle", "tcp_keepalives_count")
    with own_connection() as own:
        assert [own.execute(f"SHOW {name}").fetchone()[0] for name in names] == ["7s", "5", "3"]


def test_a_timer_runs_once_for_two_leaders():
    assert run_timer("tick", 60, TICK)
    assert not run_timer("tick", 60, TICK)
    assert ran == ["tick"]


def test_a_timer_runs_though_the_databases_clock_was_an_hour_ahead():
    """Another server took over, and its clock is right: nothing may wait for an hour."""
    assert run_timer("a tick", 60, TICK)
    with operating("test"):
        TimerRun.objects.update(started_at=Now() + timedelta(hours=1))
    assert run_timer("a tick", 60, TICK)
    assert not run_timer("a tick", 60, TICK)
    assert ran == ["tick", "tick"]


def test_a_timer_that_fails_leaves_the_others_running(start):
    dispatcher = start(("broken", 60, BROKEN_TICK), ("tick", 0.1, TICK))
    assert dispatcher.leading.wait(60)
    eventually(lambda: len(ran) >= 2)
    with operating("test"):
        assert "made a mistake" in TimerRun.objects.get(name="broken").last_error


def test_a_tenant_cannot_read_or_move_the_timers():
    assert run_timer("tick", 60, TICK)
    with connection.cursor() as cursor, pytest.raises(Exception, match="permission denied"):
        cursor.execute("UPDATE messaging_timerrun SET started_at = now()")


def test_a_timer_that_was_woken_runs_long_before_its_interval_is_over(start):
    dispatcher = start(("tick", 600, TICK), ("tock", 600, TICK))
    eventually(lambda: len(ran) == 2)
    with operating("test"):
        notify("tick")
    eventually(lambda: len(ran) == 3)
    assert dispatcher.clock.seconds_to_next() > 500  # and the other waits for its time


def test_timers_run_while_the_outbox_is_full(start, broker, monkeypatch):
    """A customer's script submits thousands of jobs, and SQS takes its time."""
    monkeypatch.setattr("messaging.sending.TURN_SECONDS", 0.1)
    ticks = []  # till each message was sent

    def send(*_, **__):
        time.sleep(0.02)
        ticks.append(len(ran))

    monkeypatch.setattr(broker, "send", send)
    with operating("test"):
        for _ in range(60):
            enqueue(
                message("lipsync", {"job_id": 1}, queue="lipsync", tenant_id=None, group="a-lane")
            )
    start(("tick", 0.2, TICK))
    eventually(nothing_is_left, seconds=120)
    assert max(ticks) >= 3


def nothing_is_left():
    with operating("test"):
        return not OutboxMessage.objects.filter(sent_at=None).exists()


def test_a_timer_that_nobody_has_is_not_woken(start):
    dispatcher = start(("tick", 600, TICK))
    eventually(lambda: ran)
    dispatcher.clock.wake("another")
    dispatcher.clock.wake("")
    assert dispatcher.clock.seconds_to_next() > 500


def test_reasons_that_come_together_wake_a_timer_once(monkeypatch):
    clock = Clock([("tick", 600, TICK)])
    clock.run_due()
    monkeypatch.setattr("messaging.timers.WOKEN_SECONDS", 0.0)
    clock.wake("tick")
    clock.wake("tick")
    clock.run_due()
    clock.run_due()
    assert ran == ["tick", "tick"]
