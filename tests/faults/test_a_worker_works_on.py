"""A slow worker is not a dead one; a hanging model is. Whose clock is wrong does not matter."""

import os
import shutil
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs import lifecycle
from jobs.errors import StaleAttempt
from jobs.models import Attempt, Job
from tenants.context import acting_for, as_operator
from tests.faults import promise
from tests.faults.endings import ends_well
from tests.faults.house import BRIEF
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

A_MINUTE = {"steps": 600, "step_seconds": 0.1}


def test_no_job_is_rescued_while_its_workers_beats_land(house, submit):
    """It takes three times as long as its lease and as its message is hidden."""
    house.start_queues()
    house.start("dispatcher")
    house.plan(steps=200, step_seconds=0.1)
    for _ in range(2):
        house.start("gpu-worker", FAULTS_LEASE_SECONDS="6")
    job = submit()
    ends_well(house, job)
    assert house.queues.receives("lipsync.fifo") == 1


def test_a_model_that_hangs_is_killed_while_its_supervisor_beats(house, submit):
    house.start_queues()
    house.start("dispatcher")
    house.plan(**A_MINUTE)
    house.start("gpu-worker", FAULTS_STALL_SECONDS="5")
    job = submit()
    job.gets_under_way(percent=10)
    (model,) = house.model_processes()
    os.kill(model, signal.SIGSTOP)
    house.plan()
    until(lambda: model not in house.model_processes(), "the model's process is killed")
    ends_well(house, job, attempts=2)
    assert first_error(job) == "engine_hung"


def test_a_poison_video_ends_its_job_and_nobody_elses(house, submit):
    """It kills the model three times; the worker lives, and its next job is made."""
    house.start_queues()
    house.start("dispatcher")
    house.plan(steps=5, then="die")
    worker = house.start("gpu-worker")
    poison = submit()
    until(poison.has_ended, "the job ends")
    house.plan()
    other = submit()
    until(other.has_ended, "the next one ends")
    assert [promise.settled(job.id, house.queues) for job in (poison, other)] == [[], []]
    assert (poison.state, poison.error_code, poison.attempts) == ("failed", "engine_crashed", 3)
    assert (other.state, other.attempts, worker.alive) == ("succeeded", 1, True)


def test_a_model_that_does_not_load_ends_no_job(house, submit):
    """A bad release: each of its workers begins the job once, the one that is mended makes it."""
    house.start_queues()
    house.start("dispatcher")
    bad = [house.start("gpu-worker", MODEL_CHILD_MODULE="tests.no_such_module") for _ in range(3)]
    job = submit()
    until(lambda: job.attempts == 3, "each of them has begun it")
    for name in ("gpu-worker", "task-worker"):  # given back three times, its message is a dead one
        house.start(name)
    ends_well(house, job, attempts=4)
    assert all(worker.alive for worker in bad)


def test_a_poison_video_that_kills_the_worker_as_well_ends_after_three(house, submit):
    """The whole pod is gone each time: nobody is left to count but the leases that run out."""
    house.start_queues()
    house.start("dispatcher")
    job = submit()
    for _ in range(3):
        assert house.doomed("gpu-worker", "claim.committed").wait() != 0
    until(job.has_ended, "the job ends")
    for name in ("gpu-worker", "task-worker"):  # its messages go, the dead ones as well
        house.start(name)
    assert promise.settled(job.id, house.queues) == []
    assert (job.state, job.error_code, job.attempts) == ("failed", "worker_lost", 3)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_workers_clock_may_be_an_hour_off(house, submit, wrong_clock, hours):
    """Leases are the database's time, waits this machine's monotonic one."""
    house.start_queues()
    house.start("dispatcher")
    house.plan(**A_MINUTE)
    told = {"LD_PRELOAD": str(wrong_clock), "CLOCK_SHIFT_SECONDS": str(3600 * hours)}
    shifted = house.start("gpu-worker", fresh=True, **told, **BRIEF)
    job = submit()
    job.gets_under_way(percent=10)
    off = datetime.fromisoformat(first_time(shifted.log)) - datetime.now(UTC)
    assert abs(off - timedelta(hours=hours)) < timedelta(minutes=5)
    shifted.kill()
    house.plan()
    house.start("gpu-worker", fresh=True, **told)
    ends_well(house, job, attempts=2)


@pytest.fixture(scope="module")
def wrong_clock(tmp_path_factory):
    """A library that shifts what a process takes for the time of day, and no other clock.

    faketime does not do: it touches the monotonic clock, with which Python's sleep fails.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler on this machine to make a wrong clock with")
    library = tmp_path_factory.mktemp("clock") / "wrong_clock.so"
    source = Path(__file__).with_name("wrong_clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def first_time(log):
    """When the process began its attempt, as its own log says."""
    (line, *_) = [line for line in log.read_text().splitlines() if "attempt_started" in line]
    return line.split()[0]


def test_a_name_that_comes_again_owns_nothing(submit):
    """A pod's name and its process ids come again after a restart; the fence does not."""
    job = submit()
    as_admitted(job)
    with acting_for(job.tenant_id):
        before = lifecycle.claim(job.id, worker="pod-0-7", lease=0)
    with as_operator("give a test's worker up"):
        lifecycle.give_up_on(before.id)
    with acting_for(job.tenant_id):
        after = lifecycle.claim(job.id, worker="pod-0-7", lease=60)
        with pytest.raises(StaleAttempt):
            beat(before)
        assert not beat(after).cancel_requested


def as_admitted(job):
    with acting_for(job.tenant_id):
        Job.objects.filter(id=job.id).update(lane=0)


def beat(attempt):
    return lifecycle.beat(attempt.id, fence=attempt.fence, stage="generate", percent=9, lease=60)


def first_error(job):
    with as_operator("look at a test's attempts"):
        return Attempt.objects.get(job=job.id, number=1).error_code
