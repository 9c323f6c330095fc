"""Messages from the media process: a length, a JSON header, and as many bytes as it names.

The reader trusts nothing: header and payload have limits, and a payload's size must be what the
reader expected.
"""

import json
import os
import struct
from collections.abc import Callable, Iterable
from typing import Any

LENGTH = struct.Struct(">I")
MAX_HEADER_BYTES = 1 << 16
PIPE_BYTES = 1 << 20
REPLY = 1  # the descriptor on which a media process answers

Buffer = bytes | bytearray | memoryview
Header = dict[str, Any]


class BrokenMessage(Exception):
    """What came is no message of this protocol."""


def send(fd: int, header: Header, parts: Iterable[Buffer] = ()) -> None:
    """Write one message; blocks while the reader is busy."""
    payload = [memoryview(part).cast("B") for part in parts]
    text = json.dumps(header | {"bytes": sum(len(part) for part in payload)}).encode()
    write_all(fd, LENGTH.pack(len(text)) + text)
    for part in payload:
        write_all(fd, part)


def write_all(fd: int, data: Buffer) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def receive_header(fill: Callable[[memoryview], None]) -> Header:
    """Read one header; `fill` must fill a buffer whole or raise."""
    length = bytearray(LENGTH.size)
    fill(memoryview(length))
    (size,) = LENGTH.unpack(length)
    if size > MAX_HEADER_BYTES:
        raise BrokenMessage(f"a header of {size} bytes")
    text = bytearray(size)
    fill(memoryview(text))
    try:
        header = json.loads(text)
        if not isinstance(header["kind"], str) or not isinstance(header["bytes"], int):
            raise BrokenMessage("a header without kind or size")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BrokenMessage("a header that is not JSON") from error
    return dict(header)
