"""The lease while a job is worked on: renewed in time, or known to be lost in time."""

import threading
import time
from types import SimpleNamespace

import pytest
from django.db import InternalError, OperationalError

from jobs import keeper as keeper_module
from jobs.errors import StaleAttempt
from jobs.keeper import CancelRequested, HandOver, Keeper, LeaseLost, Stalled
from jobs.lifecycle import Beat
from messaging.ids import new_id
from tests.messaging.sqs import eventually

HELD = SimpleNamespace(beat=lambda: True)


@pytest.fixture
def beats(monkeypatch, settings):
    """What the database answers to each beat, by default that all is well; and what it was told."""
    settings.PROGRESS_SECONDS = 0.02
    told = []

    def beat(attempt_id, **progress):
        told.append(progress)
        return beats.answer()

    beats = SimpleNamespace(answer=lambda: Beat(cancel_requested=False), told=told)
    monkeypatch.setattr(keeper_module, "acting_for", lambda tenant_id: threading.Lock())
    monkeypatch.setattr(keeper_module.lifecycle, "beat", beat)
    return beats


@pytest.fixture
def keeper(beats, settings):
    settings.JOB_LEASE_SECONDS = 300
    with Keeper(new_id(), new_id(), 1, HELD, threading.Event()) as keeper:
        yield keeper


@pytest.fixture
def clock(monkeypatch):
    """The keeper's own, which stands still unless it is told."""
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(keeper_module, "time", clock)
    return clock


def until_told(beats, wanted):
    eventually(lambda: any(wanted(progress) for progress in beats.told))


def test_progress_is_written_with_the_next_beat(keeper, beats):
    keeper.report("generate", 42)
    until_told(beats, lambda progress: (progress["stage"], progress["percent"]) == ("generate", 42))
    keeper.check()


def test_a_cancel_is_heard_with_the_next_beat(keeper, beats):
    beats.answer = lambda: Beat(cancel_requested=True)
    with pytest.raises(CancelRequested):
        wait_for_the_end(keeper)


@pytest.mark.parametrize(("lease", "lost_after"), [(300, 290), (1.5, 1.0)])
def test_a_lease_that_cannot_be_renewed_is_lost_before_it_ends(
    beats, settings, clock, lease, lost_after
):
    """By this machine's own clock: what the database would say is what can't be known."""
    settings.JOB_LEASE_SECONDS = lease

    def away():
        raise OperationalError("could not connect")

    beats.answer = away
    with Keeper(new_id(), new_id(), 1, HELD, threading.Event()) as keeper:
        until_told(beats, lambda _: True)
        clock.now = lost_after - 0.1
        keeper.check()
        clock.now = lost_after
        with pytest.raises(LeaseLost):
            keeper.check()


def test_a_call_to_the_database_that_hangs_is_noticed_too(beats, settings):
    settings.JOB_LEASE_SECONDS = 0.3
    answer = threading.Event()

    def hangs():
        answer.wait(60)
        return Beat(cancel_requested=False)

    beats.answer = hangs
    with Keeper(new_id(), new_id(), 1, HELD, threading.Event()) as keeper:
        with pytest.raises(LeaseLost):
            wait_for_the_end(keeper)
        answer.set()


@pytest.mark.parametrize("kind", [OperationalError, InternalError, RuntimeError])
def test_a_passing_trouble_of_the_database_costs_nothing(keeper, beats, kind):
    troubles = iter(range(3))

    def away_for_a_while():
        for _ in troubles:
            raise kind("could not connect")
        return Beat(cancel_requested=False)

    beats.answer = away_for_a_while
    until_told(beats, lambda _: len(beats.told) > 5)
    keeper.check()


def test_a_worker_that_must_go_hands_over_when_its_grace_is_over(beats, settings):
    settings.SHUTDOWN_GRACE_SECONDS = 0.2
    settings.JOB_LEASE_SECONDS = 300
    stopping = threading.Event()
    with Keeper(new_id(), new_id(), 1, HELD, stopping) as keeper:
        keeper.check()
        stopping.set()
        keeper.check()
        with pytest.raises(HandOver):
            wait_for_the_end(keeper)


def test_work_that_does_not_get_on_is_renewed_no_more(beats, settings):
    """Neither the lease nor the message: even if whoever should end the work hangs itself."""
    settings.JOB_LEASE_SECONDS, settings.JOB_STALL_SECONDS = 300, 0.2
    held = []
    hold = SimpleNamespace(beat=lambda: held.append(time.monotonic()))
    with Keeper(new_id(), new_id(), 1, hold, threading.Event()) as keeper:
        with pytest.raises(Stalled):
            wait_for_the_end(keeper)
        told, extended = len(beats.told) + 1, len(held) + 1  # one of each may be under way
        time.sleep(3 * keeper_module.BEAT_SECONDS)
        assert (len(beats.told) <= told, len(held) <= extended) == (True, True)


@pytest.mark.parametrize("sign", ["an event", "bytes"])
def test_any_sign_of_life_keeps_the_lease(beats, settings, clock, sign):
    settings.JOB_LEASE_SECONDS, settings.JOB_STALL_SECONDS = 300, 60
    with Keeper(new_id(), new_id(), 1, HELD, threading.Event()) as keeper:
        for _ in range(4):
            clock.now += 50
            keeper.report("generate", 5) if sign == "an event" else keeper.progressed(1 << 20)
            keeper.check()


def test_a_lease_that_runs_out_while_nothing_gets_on_is_lost(beats, settings):
    settings.JOB_LEASE_SECONDS, settings.JOB_STALL_SECONDS = 0.6, 0.1
    with (
        Keeper(new_id(), new_id(), 1, HELD, threading.Event()) as keeper,
        pytest.raises(LeaseLost),
    ):
        wait_for_the_end(keeper, keeper.check_ours)


def test_the_lease_is_renewed_while_the_queue_does_not_answer(beats, settings):
    settings.JOB_LEASE_SECONDS = 300
    answer, asked = threading.Event(), threading.Event()

    def hangs():
        asked.set()
        answer.wait(60)

    with Keeper(new_id(), new_id(), 1, SimpleNamespace(beat=hangs), threading.Event()) as keeper:
        assert asked.wait(30)
        told = len(beats.told)
        until_told(beats, lambda _: len(beats.told) > told + 3)
        keeper.check()
        answer.set()


def test_the_message_is_held_while_the_database_does_not_answer(beats, settings):
    settings.JOB_LEASE_SECONDS = 300
    answer, held = threading.Event(), threading.Event()

    def hangs():
        answer.wait(60)
        return Beat(cancel_requested=False)

    beats.answer = hangs
    hold = SimpleNamespace(beat=held.set)
    with Keeper(new_id(), new_id(), 1, hold, threading.Event()):
        until_told(beats, lambda _: True)
        assert held.wait(30)
        answer.set()


def test_a_lost_lease_lets_go_of_the_message(beats, settings):
    def stale():
        raise StaleAttempt(new_id())

    beats.answer, held = stale, []
    hold = SimpleNamespace(beat=lambda: held.append(1))
    with Keeper(new_id(), new_id(), 1, hold, threading.Event()) as keeper:
        with pytest.raises(LeaseLost):
            wait_for_the_end(keeper)
        before = len(held)
        time.sleep(3 * keeper_module.BEAT_SECONDS)
        assert len(held) <= before + 1  # one that was under way


def test_the_lease_is_renewed_at_a_third_of_it_at_the_latest(beats, settings):
    settings.JOB_LEASE_SECONDS, settings.PROGRESS_SECONDS = 0.9, 600
    with Keeper(new_id(), new_id(), 1, HELD, threading.Event()):
        until_told(beats, lambda _: len(beats.told) > 3)  # it waits for less than PROGRESS_SECONDS


def wait_for_the_end(keeper, check=None):
    """Ask as the supervisor does, for at most half a minute."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        (check or keeper.check)()
        time.sleep(0.01)
