"""Whether a file is a whole ONNX model, told from its outermost layer alone.

ONNX is a protocol buffer: a row of fields, each with its number, its kind and its length. A file
that was cut off ends inside one of them. No runtime is needed to see that.
"""

import os
from pathlib import Path
from typing import BinaryIO

from inference.errors import CutOffDownload, UnreadableCheckpoint
from inference.model.weight_files import refuse_stand_in

NUMBER, BYTES = 0, 2  # kinds of fields, and of them those that a ModelProto has
IR_VERSION, GRAPH = 1, 7
LONGEST_NUMBER = 10  # bytes


def refuse_broken_onnx(path: Path) -> None:
    """Raises CutOffDownload, UnreadableCheckpoint, or what refuse_stand_in() raises."""
    refuse_stand_in(path)
    seen = set()
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        while file.tell() < size:
            field, kind = divmod(_number(file, path), 8)
            if kind == BYTES:
                length = _number(file, path)
                if file.tell() + length > size:
                    raise CutOffDownload(f"{path} has {size} bytes and ends in the middle.")
                file.seek(length, os.SEEK_CUR)
            elif kind == NUMBER:
                _number(file, path)
            else:
                raise UnreadableCheckpoint(f"{path} is no ONNX model.")
            seen.add(field)
    if not {IR_VERSION, GRAPH} <= seen:
        raise UnreadableCheckpoint(f"{path} is no ONNX model.")


def _number(file: BinaryIO, path: Path) -> int:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    value = 0
    for place in range(LONGEST_NUMBER):
        byte = file.read(1)
        if not byte:
            raise CutOffDownload(f"{path} ends in the middle.")
        value |= (byte[0] & 0x7F) << (7 * place)
        if byte[0] < 0x80:
            return value
    raise UnreadableCheckpoint(f"{path} is no ONNX model.")
