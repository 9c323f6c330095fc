"""The work folder: what somebody works in is left alone, what a dead process left goes."""

import os
import signal
import subprocess
import sys
import time

import pytest

from jobs.folders import clear_leftovers, work_folder

# A process that works in a folder of its own until it is killed, and says where.
WORKER = """
import sys, time
from pathlib import Path
from django.conf import settings
settings.configure(WORK_ROOT=Path(sys.argv[1]))
from jobs.folders import work_folder
with work_folder("attempt") as folder:
    (folder / "video").write_bytes(b"frames")
    print(folder.name, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def work(settings, tmp_path):
    settings.WORK_ROOT = tmp_path / "work"
    return settings.WORK_ROOT


@pytest.fixture
def worker(work):
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(work)], stdout=subprocess.PIPE, text=True
    )
    process.folder = work / process.stdout.readline().strip()
    yield process
    process.kill()
    process.wait()


def test_a_folder_goes_with_its_block(work):
    with work_folder("probe") as folder:
        (folder / "video").write_bytes(b"frames")
        assert folder.parent == work
    assert list(work.iterdir()) == []


def test_a_folder_goes_with_a_block_that_fails(work):
    with pytest.raises(OSError, match="full"), work_folder("probe"):
        raise OSError("the disk is full")
    assert list(work.iterdir()) == []


def test_the_folder_of_a_living_process_is_left_alone(work, worker):
    clear_leftovers(older_than_seconds=0)
    assert (worker.folder / "video").exists()


def test_so_is_one_of_this_process(work):
    with work_folder("attempt") as folder:
        clear_leftovers(older_than_seconds=0)
        assert folder.exists()


def test_the_folder_of_a_stopped_process_is_left_alone(work, worker):
    """A laptop that was shut, a pod that is paused: it goes on later."""
    worker.send_signal(signal.SIGSTOP)
    clear_leftovers(older_than_seconds=0)
    assert (worker.folder / "video").exists()


def test_the_folder_of_a_killed_process_goes_at_once(work, worker):
    worker.kill()
    worker.wait()
    clear_leftovers()
    assert list(work.iterdir()) == []


def test_a_folder_that_is_being_made_is_left_alone_for_a_day(work):
    raw = work / ".raw-attempt-x"
    raw.mkdir(parents=True)
    clear_leftovers()
    assert raw.exists()
    long_ago = time.time() - 2 * 86400
    os.utime(raw, (long_ago, long_ago))
    clear_leftovers()
    assert not raw.exists()


def test_where_nothing_was_worked_on_nothing_is_cleared(work):
    clear_leftovers()
    assert not work.exists()
