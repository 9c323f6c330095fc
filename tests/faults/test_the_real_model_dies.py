"""The same promise with the real engine and the demo model in the worker: minutes, not seconds."""

import pytest

from tests.faults import promise
from tests.faults.conftest import submit_files
from tests.faults.processes import until

pytestmark = [
    pytest.mark.long,
    pytest.mark.faults,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(1800),
]


def test_the_real_model_killed_in_the_middle_and_the_queue_server_restarted(
    house, tenant, settings
):
    real = {"MODEL_CHILD_MODULE": "inference.child", "MODEL_BUNDLE": str(settings.MODEL_BUNDLE)}
    house.start_queues()
    house.start("dispatcher")
    house.start("task-worker")
    worker = house.start("gpu-worker", **real)
    video, audio = (settings.SAMPLE_DIR / name for name in ("face.mp4", "voice.wav"))
    job = submit_files(tenant, video.read_bytes(), audio.read_bytes())
    until(lambda: job.percent > 5, "the job is under way", seconds=600)
    worker.kill()
    house.restart_queues()
    house.start("gpu-worker", **real)
    until(job.has_ended, "the job ends", seconds=900)
    assert (job.state, job.error_code) == ("succeeded", "")
    assert promise.settled(job.id, house.queues) == []
    assert job.attempts == 2
