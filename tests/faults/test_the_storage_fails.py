"""A bucket that breaks off, a disk that is full: tried again, and nothing half is delivered."""

import errno
import os
import subprocess

import pytest

from tests.faults import promise
from tests.faults.endings import comes_to_an_end, ends_well
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


HALF = 0  # no error, and half of the bytes


@pytest.mark.parametrize(
    ("what", "number"),
    [
        ("put", errno.EIO),
        ("put", errno.ENOSPC),
        ("fetch", errno.EIO),
        ("fetch", errno.ENOSPC),
        ("fetch", HALF),
    ],
    ids=["put-broken", "put-full", "fetch-broken", "fetch-full", "fetch-half"],
)
def test_once_in_the_middle_of_a_transfer(house, submit, what, number):
    house.start_queues()
    house.start("dispatcher")
    house.start("gpu-worker", **house.order_storage(**{what: {"errno": number, "times": 1}}))
    job = submit()
    ends_well(house, job, attempts=2)
    assert promise.leftovers(job.id) == set()


def test_for_good_ends_the_job_with_a_code_after_three_attempts(house, submit):
    house.start_queues()
    house.start("dispatcher")
    house.start("gpu-worker", **house.order_storage(put={"errno": errno.EIO, "times": 99}))
    job = submit()
    comes_to_an_end(house, job)
    assert (job.state, job.error_code, job.attempts) == ("failed", "worker_fault", 3)


def test_for_pieces_only_costs_nothing_but_the_pieces(house, submit):
    house.start_queues()
    house.start("dispatcher")
    house.plan(steps=12, step_seconds=0.2, piece_steps=4)
    house.start("gpu-worker", **house.order_storage(put={"errno": errno.EIO, "times": 1}))
    job = submit()
    ends_well(house, job)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB, which only root may make."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can make a small file system for the work folder")
    size = ["-o", "size=64k"]
    if subprocess.run(["mount", "-t", "tmpfs", *size, "none", folder], check=False).returncode:
        pytest.skip("this machine lets nobody mount a file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_work_folder_without_space_fails_one_worker_and_not_the_job(house, submit, small_disk):
    (small_disk / "full").write_bytes(bytes(63 << 10))
    house.start_queues()
    house.start("dispatcher", RETRY_SECONDS="1")
    full = house.start("gpu-worker", WORK_ROOT=str(small_disk), RETRY_SECONDS="1")
    job = submit()
    until(lambda: job.attempts == 1 and job.state == "queued", "the first attempt fails")
    full.kill()
    ends_well(house, job, "gpu-worker", attempts=2)
