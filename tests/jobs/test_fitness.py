"""A worker that can't load its model: it takes no jobs, they go to workers that can."""

import threading
from types import SimpleNamespace

import pytest

from jobs import fitness
from jobs.child import ModelChild
from jobs.fitness import Fitness
from jobs.model_events import EngineFailed
from messaging.errors import NotOurs, PutBack

MESSAGE = SimpleNamespace(queue_url="a queue", receipt="a receipt")
HELD = SimpleNamespace(beat=lambda: True)


@pytest.fixture
def model(tmp_path, settings):
    settings.MODEL_CHILD_MODULE = "tests.no_such_module"
    settings.MODEL_BUNDLE = tmp_path
    model = ModelChild()
    yield model
    model.stop()


@pytest.fixture
def worker(model, monkeypatch):
    monkeypatch.setattr(fitness, "FIRST_PAUSE_SECONDS", 0.01)
    given_back = []
    broker = SimpleNamespace(hide=lambda *told: given_back.append(told), stopping=threading.Event())
    worker = Fitness(model, broker)
    worker.given_back = given_back
    return worker


def fail_to_load(model):
    with pytest.raises(EngineFailed, match="while it loaded"):
        model.begin("a job")


def test_as_long_as_nothing_is_known_against_the_model_jobs_are_taken(worker):
    worker.check(MESSAGE, HELD)
    assert worker.given_back == []


def test_a_message_is_given_back_at_once_while_the_model_does_not_load(worker, model):
    fail_to_load(model)
    for count in (1, 2):
        with pytest.raises(NotOurs):
            worker.check(MESSAGE, HELD)
        assert len(worker.given_back) == count
    assert worker.given_back[0] == ("a queue", "a receipt", 0)


def test_jobs_are_taken_again_when_it_loads(worker, model, settings):
    fail_to_load(model)
    settings.MODEL_CHILD_MODULE = "tests.stub_child"
    worker.check(MESSAGE, HELD)
    assert (worker.given_back, model.broken, model.alive) == ([], False, True)


def test_a_worker_that_must_end_does_not_pause(worker, model, monkeypatch):
    worker._pause = 600
    worker.broker.stopping.set()
    fail_to_load(model)
    with pytest.raises(NotOurs):
        worker.check(MESSAGE, HELD)


def test_a_worker_that_must_end_waits_for_no_model(worker, model, settings, tmp_path):
    fail_to_load(model)
    settings.MODEL_CHILD_MODULE = "tests.stub_child"
    (tmp_path / "stub.json").write_text('{"load_seconds": 600}')
    worker.broker.stopping.set()
    with pytest.raises(PutBack):
        worker.check(MESSAGE, HELD)
    model.kill()


def test_a_model_that_dies_of_a_job_is_no_broken_one(model, settings, tmp_path):
    settings.MODEL_CHILD_MODULE = "tests.stub_child"
    (tmp_path / "stub.json").write_text('{"then": "die"}')
    paths = {name: str(tmp_path / name) for name in ("video", "audio", "out", "workdir")}
    model.begin("a job", **paths)
    with pytest.raises(EngineFailed, match="in the middle of a job"):
        while True:
            model.next_event(5)
    assert not model.broken
