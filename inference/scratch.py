"""A run's own folder for temporary files, beside its result: finishing is a rename then.

A run that ends in any way takes its folder along. One that is killed can't: the next run in the
same place removes what nobody holds any more.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = ".viseme-"
# A folder is made a moment before it is locked: a young one is never taken for a dead run's.
GRACE_SECONDS = 60


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A fresh folder in `parent`, held by a lock that ends with this process."""
    sweep(parent)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent) as name:
        lock = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield Path(name)
        finally:
            os.close(lock)


def sweep(parent: Path) -> None:
    """Remove the folders of runs that were killed."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > GRACE_SECONDS and _is_left(folder):
                shutil.rmtree(folder)


def _is_left(folder: Path) -> bool:
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
