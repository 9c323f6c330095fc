"""Folders for work under way, on this machine's disk: an attempt's, a probe's, a preview's.

Each is held by a lock that ends with its process, however that ends. So what a killed process left
is known for certain, without a guess from its age, and is removed when the next one starts.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog
from django.conf import settings

log = structlog.get_logger(__name__)

HELD = "held-"  # before the names of folders that are locked as long as somebody works there
RAW = ".raw-"  # of one that is being made: not locked yet
DAY_SECONDS = 86400


@contextmanager
def work_folder(name: str) -> Iterator[Path]:
    """A fresh folder below WORK_ROOT, gone when the block ends."""
    settings.WORK_ROOT.mkdir(parents=True, exist_ok=True)
    raw = Path(tempfile.mkdtemp(prefix=f"{RAW}{name}-", dir=settings.WORK_ROOT))
    lock = os.open(raw, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Its name says that it is held only now that it is: nobody takes it for a dead one's.
        folder = raw.rename(raw.with_name(f"{HELD}{raw.name.removeprefix(RAW)}"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def clear_leftovers(older_than_seconds: float = DAY_SECONDS) -> None:
    """Remove what killed processes have left in the work folder: held folders at once, anything
    else (the files of forms) when nobody has touched it for so long."""
    if not settings.WORK_ROOT.exists():
        return
    for left in settings.WORK_ROOT.iterdir():
        with suppress(FileNotFoundError):  # another process clears as well
            if left.name.startswith(HELD):
                _remove_if_nobodys(left)
            elif time.time() - _last_touched(left) > older_than_seconds:
                _remove(left)


def _remove_if_nobodys(folder: Path) -> None:
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # its process lives
    else:
        _remove(folder)
        log.info("leftover_removed", folder=folder.name)
    finally:
        os.close(lock)


def _remove(left: Path) -> None:
    if left.is_dir():
        shutil.rmtree(left, ignore_errors=True)
    else:
        left.unlink()


def _last_touched(path: Path) -> float:
    """Of all that is in it: a folder in which somebody works for days was made days ago."""
    return max(each.stat().st_mtime for each in (path, *path.rglob("*")))
