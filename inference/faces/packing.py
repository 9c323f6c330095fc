"""Arrays as text that JSON carries, to the last bit."""

import base64
from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


def pack(values: npt.NDArray[Any]) -> dict[str, Any]:
    data = base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
    return {"type": values.dtype.str, "shape": list(values.shape), "data": data}


def unpack(packed: Mapping[str, Any]) -> npt.NDArray[Any]:
    data = base64.b64decode(packed["data"])
    return np.frombuffer(data, np.dtype(packed["type"])).reshape(packed["shape"]).copy()


def pack_tail(values: "array[Any]", start: int) -> str:
    """The elements from `start` on."""
    return base64.b64encode(values[start:].tobytes()).decode()


def extend(values: "array[Any]", packed: str) -> None:
    values.frombytes(base64.b64decode(packed))
