"""From a submitted pair of files to its end, through every process but the model."""

import pytest

from messaging.ids import new_id
from tests.faults import promise
from tests.faults.conftest import submit_files
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@pytest.fixture
def running(house):
    house.start_queues()
    for name in ("dispatcher", "task-worker", "gpu-worker"):
        house.start(name)
    return house


def test_a_pair_of_files_is_looked_at_admitted_and_delivered(running, tenant, settings):
    video, audio = (settings.SAMPLE_DIR / name for name in ("face.mp4", "voice.wav"))
    job = submit_files(tenant, video.read_bytes(), audio.read_bytes())
    until(job.has_ended, "the job ends")
    assert (job.state, job.error_code) == ("succeeded", "")
    assert promise.settled(job.id, running.queues) == []


def test_a_text_file_named_mp4_is_refused_before_it_costs_anything(running, tenant, settings):
    voice = (settings.SAMPLE_DIR / "voice.wav").read_bytes()
    job = submit_files(tenant, b"Dear Sirs, this is no video.\n" * 50, voice)
    until(job.has_ended, "the job ends")
    assert (job.state, job.error_code, job.attempts) == ("failed", "unsupported_media", 0)
    assert promise.settled(job.id, running.queues) == []


def test_a_dead_letter_sends_its_job_out_once_more(house, submit):
    """Its message came three times to workers that died before they could claim."""
    house.start_queues()
    house.start("dispatcher", DISPATCH_LOST_SECONDS="600")
    job = submit()
    until(lambda: house.queues.waiting("lipsync.fifo") == 1, "the message is sent")
    house.queues.receive_in_vain("lipsync.fifo", times=3)
    house.start("task-worker")
    house.start("gpu-worker")
    until(job.has_ended, "the job ends")
    assert (job.state, job.attempts) == ("succeeded", 1)
    assert promise.settled(job.id, house.queues) == []


def test_a_dead_letter_of_an_earlier_dispatch_changes_nothing(running, submit):
    running.plan(steps=100, step_seconds=0.05)
    job = submit()
    job.gets_under_way()
    running.send("lipsync-dead", job.id, job.tenant_id, dispatch=0)
    until(lambda: running.queues.waiting("lipsync-dead.fifo") == 0, "the dead letter is read")
    until(job.has_ended, "the job ends")
    assert (job.state, job.attempts) == ("succeeded", 1)


def test_a_message_of_a_job_that_never_was_is_acknowledged(running, tenant):
    running.send("lipsync", new_id(), tenant.id, dispatch=1)
    until(lambda: running.queues.waiting("lipsync.fifo") == 0, "the message is deleted")
