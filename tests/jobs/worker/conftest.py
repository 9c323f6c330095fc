"""A supervisor with a stub for the model, and a job that was admitted."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections

from jobs import lifecycle, submission, uploads
from jobs.child import ModelChild
from jobs.worker import Supervisor
from tenants import people
from tenants.context import acting_for, as_operator


@pytest.fixture
def plan(tmp_path, settings):
    """Tell the stub how to behave."""
    settings.MODEL_CHILD_MODULE = "tests.stub_child"
    settings.MODEL_BUNDLE = tmp_path
    settings.WORK_ROOT = tmp_path / "work"
    settings.PROGRESS_SECONDS = 0.05
    return lambda **behavior: (tmp_path / "stub.json").write_text(json.dumps(behavior))


@pytest.fixture
def supervisor(plan):
    broker = SimpleNamespace(client=None, stopping=threading.Event())
    supervisor = Supervisor(ModelChild(), broker)
    yield supervisor
    supervisor.model.stop()


@pytest.fixture
def beside():
    """Does something in a thread, once a condition holds, while the test goes on.

    The thread ends with the test, which fails if the condition never held or the thread broke.
    """
    over = threading.Event()

    def wait_and_act(condition, act):
        last = False
        try:
            while not condition():
                assert not last, "the test is over, and this never came about"
                last = over.wait(0.02)
            act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor() as threads:
        begun = []
        yield lambda condition, act: begun.append(threads.submit(wait_and_act, condition, act))
        over.set()
        for one in begun:
            one.result(60)


@pytest.fixture
def job(db):
    with as_operator("make a test's tenant"):
        tenant = people.create_tenant("A studio")
    kinds = ("video", "audio")
    files = [
        uploads.receive_file(tenant.id, kind, SimpleUploadedFile(f"{kind}.mp4", b"bytes" * 99))
        for kind in kinds
    ]
    ids = dict(zip(("video_id", "audio_id"), (file.id for file in files), strict=True))
    with acting_for(tenant.id):
        job, _ = submission.submit(**ids, options={}, submitted_by="a test")
        return admitted(lifecycle.accept_probe(job.id))


def admitted(job):
    job.lane = 0
    job.save(update_fields=["lane"])
    lifecycle.dispatch(job)
    return job
