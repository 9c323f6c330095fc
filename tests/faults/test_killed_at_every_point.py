"""SIGKILL at each crash point, and the job ends once: one result, one set of usage records."""

import re
import signal
from collections import Counter

import pytest

from jobs.models import Job
from messaging.ids import new_id
from portal.environment import ROOT
from tenants.context import as_operator
from tests.faults.conftest import accepted, receive_files, submit_files
from tests.faults.endings import ends_well
from tests.faults.house import BRIEF
from tests.faults.points import PLACES, passed_by

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
KILLED = 1  # how Dramatiq's master says that its worker died
SLOW = {"steps": 2000, "step_seconds": 0.05}
CALL = re.compile(r'crash_point\("([^"]+)"\)')
PRODUCT = ("messaging", "tenants", "billing", "jobs", "portal", "inference")


def test_each_point_stands_in_the_product_once_and_has_its_place_in_these_tests():
    calls = Counter()
    for folder in PRODUCT:
        for path in (ROOT / folder).rglob("*.py"):
            calls.update(CALL.findall(path.read_text()))
    assert calls == Counter(place.point for place in PLACES)


@pytest.mark.parametrize("place", passed_by("submitter"), ids=str)
def test_a_web_process_dies_and_its_client_asks_again(house, tenant, place):
    key, files = str(new_id()), receive_files(tenant, b"a video", b"a voice")
    first = house.doomed("submitter", place.point, str(tenant.id), *map(str, files), key)
    assert first.wait() == -signal.SIGKILL
    assert house.start("submitter", str(tenant.id), *map(str, files), key).wait() == 0
    with as_operator("count a test's jobs"):
        job = Job.objects.get(tenant=tenant)  # one, whether the first had committed or not
    house.start_queues()
    ends_well(house, accepted(tenant, job.id), "dispatcher", "gpu-worker", attempts=1)


@pytest.mark.parametrize(
    "place", [place for place in passed_by("dispatcher") if place.attempts == 1], ids=str
)
def test_a_dispatcher_dies_while_it_sends(house, submit, place):
    """The outbox alone brings the message on: the reconciler would wait for longer than we do."""
    house.environment["DISPATCH_LOST_SECONDS"] = "600"
    house.start_queues()
    job = submit()
    assert house.doomed("dispatcher", place.point).wait() == -signal.SIGKILL
    ends_well(house, job, "dispatcher", "gpu-worker", attempts=1)


@pytest.mark.parametrize(
    ("point", "left"),
    [("reconcile.before_commit", "processing"), ("reconcile.committed", "queued")],
)
def test_a_dispatcher_dies_while_it_gives_a_lost_worker_up(house, submit, point, left):
    house.start_queues()
    dispatcher = house.start("dispatcher")
    house.plan(**SLOW)
    worker = house.start("gpu-worker", **BRIEF)
    job = submit()
    job.gets_under_way()
    dispatcher.kill()
    worker.kill()
    house.plan()
    assert house.doomed("dispatcher", point).wait() == -signal.SIGKILL
    assert job.state == left
    ends_well(house, job, "dispatcher", "gpu-worker", attempts=2)


@pytest.mark.parametrize("place", passed_by("task-worker"), ids=str)
def test_a_task_worker_dies_while_it_accepts_a_job(house, tenant, settings, place):
    house.start_queues()
    house.start("dispatcher")
    doomed = house.doomed("task-worker", place.point)
    video, audio = (settings.SAMPLE_DIR / name for name in ("face.mp4", "voice.wav"))
    job = submit_files(tenant, video.read_bytes(), audio.read_bytes())
    assert doomed.wait() == KILLED
    ends_well(house, job, "task-worker", "gpu-worker", attempts=1)


@pytest.mark.parametrize("place", passed_by("gpu-worker"), ids=str)
def test_a_worker_dies(house, submit, place):
    house.start_queues()
    house.start("dispatcher")
    house.plan(**place.plan)
    doomed = house.doomed("gpu-worker", place.point)
    job = submit()
    if place.told_to_stop:
        job.gets_under_way(percent=10)
        doomed.ask_to_end()
    assert doomed.wait() == KILLED
    house.plan()
    ends_well(house, job, "gpu-worker", attempts=place.attempts)
