"""The effect happened and its answer was lost: the caller sees an error and must not do harm.

The database's answers to COMMIT are lost on the way (tests/faults/proxy.py), and the COMMIT itself.
"""

import pytest

from jobs.models import Job
from messaging.ids import new_id
from tenants.context import as_operator
from tests.faults.conftest import accepted, receive_files, submit_files
from tests.faults.endings import comes_to_an_end
from tests.faults.house import BRIEF
from tests.faults.points import IN_PIECES, LONG
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

SENT = {
    "admission": 'UPDATE "jobs_job" SET "lane"',
    "outbox claim": 'UPDATE "messaging_outboxmessage" SET "claimed_until" = (',
    "outbox mark": 'UPDATE "messaging_outboxmessage" SET "sent_at"',
}
WORKED = {
    "claim": ('INSERT INTO "jobs_attempt"', {}),
    "beat": ('UPDATE "jobs_attempt" SET "lease_expires_at"', LONG),
    "piece": ('"jobs_segment"', IN_PIECES),
    "success": ('INSERT INTO "billing_usagerecord"', {}),
}
LOST = pytest.mark.parametrize("lost", ["answer", "request"])


@LOST
def test_of_a_submission(house, tenant, lost):
    """The client asks again with its key: one job."""
    key, files = str(new_id()), receive_files(tenant, b"a video", b"a voice")
    order = (str(tenant.id), *map(str, files), key)
    with house.proxy() as proxy:
        cut = proxy.lose(lost, mark='INSERT INTO "jobs_job"')
        assert house.start("submitter", *order, **proxy.way).wait() != 0
        assert cut.done.is_set()
    assert house.start("submitter", *order).wait() == 0
    with as_operator("count a test's jobs"):
        job = Job.objects.get(tenant=tenant)
    house.start_queues()
    house.start("dispatcher")
    house.start("gpu-worker")
    ends_well(house, accepted(tenant, job.id), attempts={1})


@LOST
@pytest.mark.parametrize("mark", SENT.values(), ids=list(SENT))
def test_of_a_dispatcher(house, submit, lost, mark):
    house.start_queues()
    house.start("gpu-worker")
    with house.proxy() as proxy:
        cut = proxy.lose(lost, mark=mark)
        house.start("dispatcher", **proxy.way)
        job = submit()
        until(cut.done.is_set, "the connection is cut")
        ends_well(house, job, attempts={1})


@LOST
@pytest.mark.parametrize(("mark", "plan"), WORKED.values(), ids=list(WORKED))
def test_of_a_worker(house, submit, lost, mark, plan):
    """A claim whose answer is lost is nobody's until its lease runs out; a success that was
    recorded is found recorded."""
    house.start_queues()
    house.start("dispatcher")
    house.plan(**plan)
    with house.proxy() as proxy:
        cut = proxy.lose(lost, mark=mark)
        house.start("gpu-worker", **BRIEF, **proxy.way)
        job = submit()
        until(cut.done.is_set, "the connection is cut")
        ends_well(house, job, attempts={1, 2})


@LOST
def test_of_a_hand_over(house, submit, lost):
    house.start_queues()
    house.start("dispatcher")
    house.plan(**IN_PIECES)
    with house.proxy() as proxy:
        worker = house.start("gpu-worker", **BRIEF, **proxy.way)
        job = submit()
        job.gets_under_way(percent=10)
        cut = proxy.lose(lost, mark="'released'")
        worker.terminate()
        assert cut.done.is_set()
        house.plan()
        house.start("gpu-worker")
        ends_well(house, job, attempts={2})


@LOST
def test_of_an_accepted_probe(house, tenant, settings, lost):
    house.start_queues()
    house.start("dispatcher")
    house.start("gpu-worker")
    with house.proxy() as proxy:
        cut = proxy.lose(lost, mark='"media_info"')
        house.start("task-worker", **BRIEF, **proxy.way)
        video, audio = (settings.SAMPLE_DIR / name for name in ("face.mp4", "voice.wav"))
        job = submit_files(tenant, video.read_bytes(), audio.read_bytes())
        until(cut.done.is_set, "the connection is cut")
        ends_well(house, job, attempts={1})


def ends_well(house, job, *, attempts):
    comes_to_an_end(house, job)
    assert job.state == "succeeded" and job.attempts in attempts
