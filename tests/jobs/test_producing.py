"""Following a job in the model's process to its end."""

from types import SimpleNamespace

import pytest

from jobs import producing
from jobs.keeper import CancelRequested


class Model:
    """Says these events, one after the other."""

    def __init__(self, *events):
        self.events = list(events)

    def next_event(self, seconds):
        return self.events.pop(0) if self.events else None


class Keeper:
    """Somebody cancels as soon as it is asked."""

    def check(self):
        raise CancelRequested

    def report(self, stage, percent):
        pass

    def progressed(self, count=0):
        pass


def test_a_last_event_is_never_lost_to_an_interruption():
    # Who waits for a job's end after it was heard waits in vain, and then kills a warm model.
    model = Model({"event": "done", "id": "a", "result": {"frames": 3}})
    assert producing._watch("a", model, Keeper()) == {"frames": 3}


def test_an_interruption_is_heard_while_the_job_goes_on():
    model = Model({"event": "progress", "id": "a", "stage": "generate", "done": 1, "total": 2})
    with pytest.raises(CancelRequested):
        producing._watch("a", model, Keeper())


MAD = {
    "no result": {"event": "done"},
    "a stage that is no word": {"event": "progress", "stage": ["generate"]},
    "a share that is no number": {"event": "progress", "stage": "audio", "done": "x", "total": 2},
}


@pytest.mark.parametrize("event", MAD.values(), ids=MAD)
def test_a_model_that_talks_nonsense_is_killed(event):
    """It may be at this job still when the next one comes, which would wait for it."""
    model = Mad({**event, "id": "a"})
    order = SimpleNamespace(attempt_id="a")
    with pytest.raises((KeyError, TypeError)):
        producing._made(order, {}, model, Patient())
    assert model.killed


@pytest.mark.parametrize("done", [-3, 0.5, 7, float("nan")])
def test_a_percent_is_one_whatever_is_told(done):
    percent = producing._percent({"stage": "generate", "done": done, "total": 1})
    assert 5 <= percent <= 95


class Mad(Model):
    killed = False

    def begin(self, job, check, **request):
        pass

    def kill(self):
        self.killed = True


class Patient(Keeper):
    def check(self):
        pass
