"""Following a job in the model's process to its end."""

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
