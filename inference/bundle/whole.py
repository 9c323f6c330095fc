"""A folder that is there whole or not at all."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inference.errors import BadOption


def refuse_place(out: Path) -> None:
    """Raises BadOption unless a folder can come to be at `out`."""
    if not out.parent.is_dir():
        raise BadOption(f"{out} can't be made: the folder {out.parent} is missing.")
    if out.is_symlink() or (out.exists() and not (out.is_dir() and not any(out.iterdir()))):
        raise BadOption(f"{out} is there already.", hint="Name another place, or remove it first.")


@contextmanager
def whole_or_nothing(out: Path) -> Iterator[Path]:
    """A folder beside `out`, which takes its place at the end, and goes if anything is raised.

    What a killed run left is cleared. Raises BadOption while another run makes the same one.
    """
    refuse_place(out)
    work = out.parent / f".{out.name}.making"
    lock = _locked(work, out)
    try:
        yield work
        _settle(work)
        work.rename(out)
        _sync(out.parent)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    finally:
        os.close(lock)


def _locked(work: Path, out: Path) -> int:
    """An empty folder that is ours while the file descriptor is open."""
    work.mkdir(exist_ok=True)
    lock = os.open(work, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(lock), work.stat()):
            raise BlockingIOError  # it was finished and renamed between the two lines
    except OSError:
        os.close(lock)
        raise BadOption(f"{out} is being made by another command.", hint="Wait for it.") from None
    for left in work.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    return lock


def _settle(folder: Path) -> None:
    """On the disk, not only on its way there, before the name says that it is whole."""
    for path in (*folder.rglob("*"), folder):
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
