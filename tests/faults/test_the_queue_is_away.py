"""SQS answers errors for a while, throttles, is slow, or was emptied: time is lost, no job."""

import pytest

from tests.faults.conftest import submit_files
from tests.faults.endings import ends_well
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

LONG = {"steps": 50, "step_seconds": 0.1}
SHORT_HOLD = {"FAULTS_LEASE_SECONDS": "6"}
ALL_TRIES = 3  # of boto3, for one call of ours


@pytest.fixture
def strict(house):
    house.start_queues()
    return house.queues.strict


@pytest.mark.parametrize("error", ["503", "throttled", "cut"])
def test_when_a_job_is_submitted(house, strict, submit, error):
    away = strict.fault("*", error=error, times=None)
    house.start("dispatcher")
    house.start("gpu-worker")
    job = submit()
    until(lambda: away.struck() > 2 * ALL_TRIES, "all processes have heard of it")
    away.heal()
    ends_well(house, job)


def test_in_the_middle_of_a_job_for_less_than_its_hold(house, strict, submit):
    house.plan(steps=120, step_seconds=0.1)
    house.start("dispatcher")
    house.start("gpu-worker", FAULTS_LEASE_SECONDS="12")
    job = submit()
    job.gets_under_way()
    away = strict.fault("ChangeMessageVisibility", times=ALL_TRIES)
    until(lambda: away.struck() == ALL_TRIES, "the hold was not extended")
    ends_well(house, job)
    assert house.queues.receives("lipsync.fifo") == 1


def test_most_calls_are_throttled_all_the_time(house, strict, submit):
    throttled = strict.fault("*", error="throttled", times=None, chance=0.7, seed=5)
    house.plan(**LONG)
    house.start("dispatcher")
    house.start("gpu-worker", **SHORT_HOLD)
    ends_well(house, submit())
    assert throttled.struck() > ALL_TRIES


def test_every_call_is_late(house, strict, submit):
    strict.fault("*", when="delay", milliseconds=700, times=None)
    house.plan(**LONG)
    house.start("dispatcher")
    house.start("gpu-worker", **SHORT_HOLD)
    ends_well(house, submit())


def test_a_hold_that_cannot_be_extended_ends_and_its_job_goes_on(house, strict, submit):
    """Another worker gets the message and finds the job taken: its lease is what counts."""
    away = strict.fault("ChangeMessageVisibility", times=None)
    house.plan(steps=250, step_seconds=0.1)
    house.start("dispatcher")
    for _ in range(2):
        house.start("gpu-worker", **SHORT_HOLD)
    until(lambda: house.tells("model_ready", times=2), "both wait for messages")
    job = submit()
    until(lambda: house.tells("job_not_claimed"), "the other one gets the message")
    assert job.state == "processing" and away.struck()
    ends_well(house, job)


def test_a_job_without_a_message_whose_worker_dies_is_sent_again(house, strict, submit):
    strict.fault("ChangeMessageVisibility", times=None)
    house.plan(**LONG)
    house.start("dispatcher")
    worker = house.start("gpu-worker", **SHORT_HOLD)
    job = submit()
    job.gets_under_way()
    strict.purge()
    worker.kill()
    house.plan()
    house.start("gpu-worker", **SHORT_HOLD)
    ends_well(house, job, attempts=2)


def test_emptied_while_a_job_waits_in_it(house, strict, submit):
    house.start("dispatcher")
    job = submit()
    until(lambda: strict.naming(str(job.id)), "the message is sent")
    strict.purge()
    ends_well(house, job, "gpu-worker")


def test_emptied_while_a_job_is_worked_on(house, strict, submit):
    house.plan(**LONG)
    house.start("dispatcher")
    house.start("gpu-worker")
    job = submit()
    job.gets_under_way()
    strict.purge()
    ends_well(house, job)


def test_emptied_while_a_new_job_waits_for_the_look_at_its_files(house, strict, tenant, settings):
    house.start("dispatcher")
    video, audio = (settings.SAMPLE_DIR / name for name in ("face.mp4", "voice.wav"))
    job = submit_files(tenant, video.read_bytes(), audio.read_bytes())
    until(lambda: strict.naming(str(job.id)), "the message is sent")
    strict.purge()
    house.start("task-worker")
    ends_well(house, job, "gpu-worker")
