"""The lease while a job is worked on: renewed in time, or known to be lost in time."""

import threading
import time
from types import SimpleNamespace

import pytest
from django.db import OperationalError

from jobs import keeper as keeper_module
from jobs.keeper import CancelRequested, HandOver, Keeper, LeaseLost
from jobs.lifecycle import Beat
from messaging.ids import new_id

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


def until_told(beats, wanted):
    deadline = time.monotonic() + 5
    while not any(wanted(progress) for progress in beats.told):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_progress_is_written_with_the_next_beat(keeper, beats):
    keeper.report("generate", 42)
    until_told(beats, lambda progress: (progress["stage"], progress["percent"]) == ("generate", 42))
    keeper.check()


def test_a_cancel_is_heard_with_the_next_beat(keeper, beats):
    beats.answer = lambda: Beat(cancel_requested=True)
    with pytest.raises(CancelRequested):
        wait_for_the_end(keeper)


def test_a_lease_that_cannot_be_renewed_is_lost_before_it_ends(beats, settings):
    """By this machine's own clock: what the database would say is what can't be known."""
    settings.JOB_LEASE_SECONDS = 1.5

    def away():
        raise OperationalError("could not connect")

    beats.answer = away
    begun = time.monotonic()
    with (
        Keeper(new_id(), new_id(), 1, HELD, threading.Event()) as keeper,
        pytest.raises(LeaseLost),
    ):
        wait_for_the_end(keeper)
    assert 0.9 < time.monotonic() - begun < 1.5


def test_a_call_to_the_database_that_hangs_is_noticed_too(beats, settings):
    settings.JOB_LEASE_SECONDS = 0.3
    answer = threading.Event()

    def hangs():
        answer.wait(10)
        return Beat(cancel_requested=False)

    beats.answer = hangs
    with Keeper(new_id(), new_id(), 1, HELD, threading.Event()) as keeper:
        with pytest.raises(LeaseLost):
            wait_for_the_end(keeper)
        answer.set()


def test_a_passing_trouble_of_the_database_costs_nothing(keeper, beats):
    troubles = iter(range(3))

    def away_for_a_while():
        for _ in troubles:
            raise OperationalError("could not connect")
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


def wait_for_the_end(keeper):
    """Ask as the supervisor does, for at most five seconds."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        keeper.check()
        time.sleep(0.01)
