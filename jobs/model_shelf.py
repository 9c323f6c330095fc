"""Where models lie: S3_MODELS_BUCKET, or a folder of this machine. And patience with it."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.storage import Storage, storages
from urllib3.exceptions import HTTPError

from jobs.model_events import EngineFailed
from jobs.storage import CHUNK_BYTES, bucket_of, is_folder

TRIES, PAUSE_SECONDS = 5, 2.0
HINT = "Put the whole bundle there (`python -m inference bundle verify` looks at one)."
T = TypeVar("T")


class ModelShelf:
    """Raises EngineFailed (bad_checkpoint) for what is not there, or stays out of reach."""

    def __init__(self) -> None:
        self._storage = storages["models"]

    def __str__(self) -> str:
        if is_folder(self._storage):
            return "the models' folder"
        return f"the bucket {bucket_of(self._storage).name}"

    def read(self, key: str, most_bytes: int) -> bytes:
        """An object, or as much of it."""

        def all_of_it() -> bytes:
            with self._storage.open(key) as file:
                content: bytes = file.read(most_bytes)
            return content

        return self._patiently(key, all_of_it)

    def fetch(self, key: str, path: Path, on_have: Callable[[int], None]) -> None:
        """Bring an object to a file, or the rest of it to one that has its beginning.

        on_have hears how many bytes are here.
        """
        receive = partial(_receive, self._storage, key, path, on_have)
        self._patiently(key, receive, partial(_size_of, path))

    def _patiently(
        self, key: str, bring: Callable[[], T], have: Callable[[], int] = lambda: 0
    ) -> T:
        """What `bring` returns, over connections that break; tries without headway are counted."""
        tries = 0
        while True:
            begun = have()
            try:
                return bring()
            except FileNotFoundError:
                raise bad(f"{self} has no {key}.") from None
            except (BotoCoreError, ClientError, HTTPError, OSError) as problem:
                tries = 1 if have() - begun >= CHUNK_BYTES else tries + 1
                if tries >= TRIES:
                    raise bad(f"{key} can't be brought from {self}: {problem}.") from None
                time.sleep(PAUSE_SECONDS * tries)


def bad(message: str) -> EngineFailed:
    return EngineFailed("bad_checkpoint", message, hint=HINT)


def _receive(storage: Storage, key: str, path: Path, on_have: Callable[[int], None]) -> None:
    have = _size_of(path)
    with path.open("ab") as file:
        for chunk in _from(storage, key, have):
            file.write(chunk)
            have += len(chunk)
            on_have(have)


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _from(storage: Storage, key: str, start: int) -> Iterator[bytes]:
    """An object's bytes from there on. Raises FileNotFoundError if there is none."""
    if is_folder(storage):
        with storage.open(key) as file:
            file.seek(start)
            yield from iter(lambda: file.read(CHUNK_BYTES), b"")
        return
    try:
        answer = bucket_of(storage).Object(key).get(Range=f"bytes={start}-")
    except ClientError as refusal:
        code = refusal.response.get("Error", {}).get("Code")
        if code == "InvalidRange":  # nothing is left of it
            return
        if code in ("NoSuchKey", "404"):
            raise FileNotFoundError(key) from None
        raise
    yield from answer["Body"].iter_chunks(CHUNK_BYTES)
