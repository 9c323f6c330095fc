"""A model's bundle out of S3_MODELS_BUCKET, brought to this machine before the model is loaded.

    python -m jobs.bundles PREFIX COMMAND...

stands in the place of the model's process: it brings the bundle, saying so in events of the same
kind, then becomes COMMAND with `--bundle FOLDER`, and with an environment that holds no secret any
more. A bundle is whole or not there: its folder gets its name when every file has the size and the
SHA-256 of the manifest. What an earlier start left half done is gone on with.
"""

import fcntl
import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files.storage import Storage, storages
from urllib3.exceptions import HTTPError

from inference.media.sandbox import die_with_parent
from jobs.model_events import EngineFailed
from jobs.starting import clean_environment
from jobs.storage import bucket_of, is_folder

MANIFEST = "manifest.json"
MANIFEST_BYTES = 4 << 20
CHUNK_BYTES = 1 << 20
SAID_SECONDS = 5.0
TRIES, PAUSE_SECONDS = 5, 2.0
LOCK_SECONDS = 1800.0  # another worker of this machine brings the same bundle
HINT = "Put the whole bundle there (`python -m inference bundle verify` looks at one)."
T = TypeVar("T")
OnBytes = Callable[[int, int], None]  # bytes that are here, bytes in all


@dataclass(frozen=True)
class Entry:
    """A file of a bundle, as its manifest tells of it."""

    path: str
    sha256: str
    size_bytes: int


def bring(prefix: str, on_bytes: OnBytes = lambda done, total: None) -> Path:
    """The folder of the bundle under this prefix, brought only if its manifest is a new one.

    Raises EngineFailed (bad_checkpoint) when the bucket does not hold what its manifest says, or is
    out of reach for long. The model's process looks at all files once more when it loads them.
    """
    shelf, prefix = storages["models"], prefix.strip("/")
    content = _manifest(shelf, prefix)
    entries = _entries(content, prefix)
    slug = re.sub(r"[^\w.-]+", "-", prefix)
    folder: Path = settings.MODEL_CACHE / f"{slug}-{hashlib.sha256(content).hexdigest()[:16]}"
    settings.MODEL_CACHE.mkdir(parents=True, exist_ok=True)
    with _alone(folder, on_bytes):
        if not folder.is_dir():
            work = folder.with_name(f".{folder.name}.part")
            _fill(work, shelf, prefix, entries, on_bytes)
            (work / MANIFEST).write_bytes(content)
            work.rename(folder)
    return folder


def _manifest(shelf: Storage, prefix: str) -> bytes:
    key = f"{prefix}/{MANIFEST}"

    def read() -> bytes:
        with shelf.open(key) as file:
            content: bytes = file.read(MANIFEST_BYTES + 1)
        return content

    content = _patiently(read, shelf, key)
    if len(content) > MANIFEST_BYTES:
        raise _bad(f"{key} is larger than any manifest.")
    return content


def _entries(content: bytes, prefix: str) -> list[Entry]:
    try:
        files = json.loads(content)["files"].values()
        entries = [Entry(str(f["path"]), str(f["sha256"]), int(f["size_bytes"])) for f in files]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _bad(f"{prefix}/{MANIFEST} is no manifest of a bundle.") from None
    for entry in entries:
        parts = PurePosixPath(entry.path).parts
        if not parts or parts[0] == "/" or ".." in parts:
            raise _bad(f"{prefix}/{MANIFEST} names a file outside the bundle: {entry.path}.")
    return entries


@contextmanager
def _alone(folder: Path, on_bytes: OnBytes) -> Iterator[None]:
    """One worker of this machine at a time; the lock goes with the process that holds it."""
    deadline = time.monotonic() + LOCK_SECONDS
    with folder.with_name(f".{folder.name}.lock").open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise _bad(f"Another worker has not brought {folder.name} yet.") from None
                on_bytes(0, 0)  # a sign of life
                time.sleep(0.5)
        yield


def _fill(work: Path, shelf: Storage, prefix: str, entries: list[Entry], on_bytes: OnBytes) -> None:
    total, before = sum(entry.size_bytes for entry in entries), 0
    for entry in entries:
        path = work / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        key = f"{prefix}/{entry.path}"

        def receive(key: str = key, path: Path = path, before: int = before) -> None:
            _receive(shelf, key, path, lambda have: on_bytes(before + have, total))

        _patiently(receive, shelf, key, partial(_size, path))
        if (_size(path), _sha256(path)) != (entry.size_bytes, entry.sha256):
            path.unlink()
            raise _bad(f"{key} in {_place(shelf)} is not the file that its manifest names.")
        before += entry.size_bytes


def _patiently(
    bring: Callable[[], T], shelf: Storage, key: str, have: Callable[[], int] = lambda: 0
) -> T:
    """What `bring` returns, over connections that break; tries without headway are counted.

    have: how many bytes of it are here. Raises EngineFailed.
    """
    tries = 0
    while True:
        begun = have()
        try:
            return bring()
        except FileNotFoundError:
            raise _bad(f"{_place(shelf)} has no {key}.") from None
        except (BotoCoreError, ClientError, HTTPError, OSError) as problem:
            tries = 1 if have() - begun >= CHUNK_BYTES else tries + 1
            if tries >= TRIES:
                raise _bad(f"{key} can't be brought from {_place(shelf)}: {problem}.") from None
            time.sleep(PAUSE_SECONDS * tries)


def _receive(shelf: Storage, key: str, path: Path, on_have: Callable[[int], None]) -> None:
    have = _size(path)
    with path.open("ab") as file:
        for chunk in _from(shelf, key, have):
            file.write(chunk)
            have += len(chunk)
            on_have(have)


def _from(shelf: Storage, key: str, start: int) -> Iterator[bytes]:
    """An object's bytes from there on. Raises FileNotFoundError if there is none."""
    if is_folder(shelf):
        with shelf.open(key) as file:
            file.seek(start)
            yield from iter(lambda: file.read(CHUNK_BYTES), b"")
        return
    try:
        answer = bucket_of(shelf).Object(key).get(Range=f"bytes={start}-")
    except ClientError as refusal:
        code = refusal.response.get("Error", {}).get("Code")
        if code == "InvalidRange":  # nothing is left of it
            return
        if code in ("NoSuchKey", "404"):
            raise FileNotFoundError(key) from None
        raise
    yield from answer["Body"].iter_chunks(CHUNK_BYTES)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _place(shelf: Storage) -> str:
    return "the models' folder" if is_folder(shelf) else f"the bucket {bucket_of(shelf).name}"


def _bad(message: str) -> EngineFailed:
    return EngineFailed("bad_checkpoint", message, hint=HINT)


class Events:
    """What the supervisor reads: one JSON object a line, of progress not more than it can use."""

    def __init__(self) -> None:
        self._next = 0.0

    def fetching(self, done: int, total: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + SAID_SECONDS
            self.say("fetching", done=done, total=total)

    def say(self, event: str, **facts: Any) -> None:
        sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
        sys.stdout.flush()


def main(prefix: str, command: list[str]) -> NoReturn:
    """Bring the bundle and become the command; an event `failed` and 1 if it can't be brought."""
    die_with_parent(os.getppid())
    events = Events()
    try:
        folder = bring(prefix, events.fetching)
    except EngineFailed as failed:
        told = {"code": failed.code, "message": failed.message, "hint": failed.hint}
        events.say("failed", id=None, refusal=False, **told)
        sys.exit(1)
    arguments = [*command, "--bundle", str(folder)]
    os.execve(arguments[0], arguments, clean_environment(os.environ))  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
