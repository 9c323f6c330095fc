"""Read files of weights as data alone, mapped: what nobody touches stays on the disk.

PyTorch's files are opened with `weights_only`, so that nothing in them runs. A file that is
something else than its name says is told apart: a pointer, a web page, a cut-off download.
"""

import json
import pickle
import re
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from inference.errors import (
    CutOffDownload,
    MissingCheckpoint,
    PointerFile,
    UnreadableCheckpoint,
    UnsafePickle,
    WebPage,
)

PIECE_BYTES = 256 << 20
HEAD_BYTES = 1024
LFS_MARK = b"version https://git-lfs.github.com/spec/"
ZIP_MARK = b"PK\x03\x04"
LENGTH = struct.Struct("<Q")  # of a safetensors' JSON header, which comes next
PICKLE_MARKS = (ZIP_MARK[:1], b"\x80")  # inside a zip, or plain
REFUSED_CODE = re.compile(r"GLOBAL ([\w.]*\w)")  # in the message of torch's restricted unpickler

Weights = Mapping[str, Any]
Pick = Callable[[Weights], Weights]  # the entries of a file that are the network's weights


def read_weights(path: Path) -> dict[str, Any]:
    """What a .safetensors or PyTorch file holds, its tensors mapped.

    Raises MissingCheckpoint, or an UnreadableCheckpoint that says what the file is instead.
    """
    refuse_stand_in(path)
    try:
        held = _safetensors(path) if path.suffix == ".safetensors" else _pytorch(path)
    except MemoryError:
        raise
    except Exception as problem:  # the restricted unpickler fails in any way on what isn't a pickle
        raise _diagnosis(path, problem) from None
    if not isinstance(held, dict):
        raise UnreadableCheckpoint(f"{path} holds no dictionary of weights.")
    return held


def in_pieces(path: Path, pick: Pick) -> Iterator[dict[str, Tensor]]:
    """All weights of a file in its own order, about 256 MB at a time.

    Each piece maps the file anew. Whoever only copies a piece's numbers elsewhere thereby gives
    back the pages that were read for it; one mapping for all would keep the whole file resident.
    """
    whole = pick(read_weights(path))
    sizes = {name: tensor.nbytes for name, tensor in whole.items()}
    if not _is_mapped(path):
        yield dict(whole)
        return
    del whole
    for names in _grouped(sizes):
        held = pick(read_weights(path))
        piece = {name: held[name] for name in names}
        del held
        yield piece
        del piece


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises MissingCheckpoint, UnreadableCheckpoint."""
    refuse_stand_in(path)
    try:
        held = json.loads(path.read_text())
    except (ValueError, OSError, RecursionError):
        raise UnreadableCheckpoint(f"{path} can't be read as JSON.") from None
    if not isinstance(held, dict):
        raise UnreadableCheckpoint(f"{path} holds no JSON object.")
    return held


def refuse_stand_in(path: Path) -> None:
    """Raise if there is no file, or something that was left in its place by a failed download.

    Raises MissingCheckpoint, CutOffDownload (nothing in it), PointerFile, WebPage.
    """
    if path.is_dir():
        raise MissingCheckpoint(f"{path} is a folder, not a file.")
    if not path.is_file():
        raise MissingCheckpoint(f"The file {path} is not there.")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as problem:
        raise UnreadableCheckpoint(f"{path} can't be read: {problem.strerror}.") from None
    if not head:
        raise CutOffDownload(f"{path} is empty.")
    if head.startswith(LFS_MARK):
        size = re.search(rb"^size (\d+)$", head, re.MULTILINE)
        told = f" for {int(size[1]) / 1e6:,.1f} MB" if size else ""
        raise PointerFile(f"{path} is a Git LFS pointer{told}, not the file itself.")
    if head.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise WebPage(f"{path} is a web page, not a model's file.")


def _safetensors(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.offset_keys()}


def _pytorch(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True, mmap=_is_mapped(path))


def _is_mapped(path: Path) -> bool:
    """PyTorch's format of before 2020 can only be read into memory."""
    return path.suffix == ".safetensors" or zipfile.is_zipfile(path)


def _grouped(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    group: list[str] = []
    filled = 0
    for name, size in sizes.items():
        if group and filled + size > PIECE_BYTES:
            yield group
            group, filled = [], 0
        group.append(name)
        filled += size
    if group:
        yield group


def _diagnosis(path: Path, problem: Exception) -> UnreadableCheckpoint:
    """What is wrong with a file that its own reader refused."""
    size = path.stat().st_size
    with path.open("rb") as file:
        mark = file.read(len(ZIP_MARK))
    if path.suffix == ".safetensors":
        promised = _promised_bytes(path)
        if promised is not None and promised > size:
            return CutOffDownload(f"{path} has {size} bytes; its beginning promises {promised}.")
    elif mark == ZIP_MARK and not zipfile.is_zipfile(path):
        return CutOffDownload(f"{path} has {size} bytes and lacks its end.")
    elif isinstance(problem, EOFError) or "EOF" in str(problem):
        return CutOffDownload(f"{path} has {size} bytes and ends in the middle.")
    elif isinstance(problem, pickle.UnpicklingError) and mark[:1] in PICKLE_MARKS:
        code = REFUSED_CODE.search(str(problem))
        wish = f"asks to run code ({code[1]})" if code else "asks for more than weights"
        return UnsafePickle(f"{path} {wish}, and was not let.")
    return UnreadableCheckpoint(f"{path} can't be read as a file of weights.")


def _promised_bytes(path: Path) -> int | None:
    """How long a safetensors says it is; None if it doesn't."""
    with path.open("rb") as file:
        try:
            (length,) = LENGTH.unpack(file.read(LENGTH.size))
            if LENGTH.size + length > path.stat().st_size:
                # Text read as a number promises more than any disk holds.
                return LENGTH.size + length if length < 1 << 30 else None
            header = json.loads(file.read(length))
            ends = [entry["data_offsets"][1] for entry in header.values() if "dtype" in entry]
        except (struct.error, ValueError, TypeError, KeyError, AttributeError):
            return None
    return int(LENGTH.size + length + max(ends, default=0))
