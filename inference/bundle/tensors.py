"""Write a .safetensors file tensor by tensor, so that one at a time is in memory.

The library's own writer wants all of them at once. The format: 8 bytes with the header's length,
the header as JSON (name -> dtype, shape, where its bytes begin and end), then the bytes.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from math import prod
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from inference.model.weight_files import LENGTH

ALIGNMENT = 8
HALF_BYTES = 2


class HalfTensorFile:
    """Tensors of fp16 under these names, in this order. When it was left without an error:
    size_bytes and sha256 (hexadecimal) of what lies on the disk."""

    def __init__(self, path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.size_bytes, self.sha256 = 0, ""
        self._path, self._shapes = path, shapes
        self._awaited = iter(shapes)
        self._digest = hashlib.sha256()

    def __enter__(self) -> Self:
        self._file = self._path.open("wb")
        header = _header(self._shapes)
        self._put(LENGTH.pack(len(header)))
        self._put(header)
        return self

    def write(self, name: str, tensor: Tensor) -> None:
        """Raises ValueError for another tensor than the next one."""
        if name != next(self._awaited, None) or tuple(tensor.shape) != self._shapes[name]:
            raise ValueError(f"{name} is not the next tensor")
        numbers = tensor.to("cpu", torch.float16).contiguous().flatten()
        self._put(numbers.view(torch.uint8).numpy().data)

    def _put(self, content: bytes | memoryview) -> None:
        self._file.write(content)
        self._digest.update(content)
        self.size_bytes += len(content)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._file:
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())
        if kind is None and (missing := next(self._awaited, None)) is not None:
            raise ValueError(f"{missing} was never written")
        self.sha256 = self._digest.hexdigest()


def _header(shapes: Mapping[str, tuple[int, ...]]) -> bytes:
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    begin = 0
    for name, shape in shapes.items():
        end = begin + HALF_BYTES * prod(shape)
        entries[name] = {"dtype": "F16", "shape": shape, "data_offsets": [begin, end]}
        begin = end
    header = json.dumps(entries, separators=(",", ":")).encode()
    return header + b" " * (-len(header) % ALIGNMENT)
