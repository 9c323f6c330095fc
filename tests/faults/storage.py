"""Storages that fail on order, as a bucket or a disk does: in the middle.

FAULTS_STORAGE names a file of JSON: `{"put": {"errno": 28, "times": 1}, "fetch": ...}`. It is read
anew at each call, and `times` counts down in it.
"""

import json
import os
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage


class Outputs(FileSystemStorage):
    """An upload ends after half of the bytes."""

    def _save(self, name: str, content: File) -> str:
        if problem := _ordered("put"):
            whole = b"".join(content.chunks())
            path = Path(self.path(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(whole[: len(whole) // 2])
            raise problem
        return super()._save(name, content)  # type: ignore[misc]


class Inputs(FileSystemStorage):
    """A file is there, and can't be read; or, with 0 for the errno, half of it can."""

    def path(self, name: str) -> str:
        path = super().path(name)
        problem = _ordered("fetch")
        if problem and problem.errno:
            raise problem
        return _half(path) if problem else path


def _half(path: str) -> str:
    half = Path(f"{path}.half")
    whole = Path(path).read_bytes()
    half.write_bytes(whole[: len(whole) // 2])
    return str(half)


def _ordered(what: str) -> OSError | None:
    orders = Path(os.environ["FAULTS_STORAGE"])
    told: dict[str, Any] = json.loads(orders.read_text())
    order = told.get(what, {"times": 0})
    if order["times"] < 1:
        return None
    told[what] = {**order, "times": order["times"] - 1}
    orders.write_text(json.dumps(told))
    return OSError(order["errno"], f"{os.strerror(order['errno'])}, as a test ordered")
