"""Run a bundle's ONNX files, on a device that is known and said."""

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from inference.errors import EngineFault, MissingCheckpoint, UnreadableCheckpoint

Array = npt.NDArray[np.float32]

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
CPU_THREADS = 4  # it runs beside the network that matters
ERRORS_ONLY = 3


class Network:
    """One model file with one picture as its input. device: "cpu" or "cuda", where it runs."""

    def __init__(self, path: Path, device: str) -> None:
        self.device = choose_device(device)
        if not path.is_file():
            raise MissingCheckpoint(f"The face finder's file {path} is missing.")
        status = path.stat()
        self._session = _session(path, status.st_mtime_ns, status.st_size, self.device)
        entry = self._session.get_inputs()[0]
        self._entry = entry.name
        # None where the file leaves it open.
        height, width = entry.shape[-2:]
        self.size = (width, height) if isinstance(width, int) and isinstance(height, int) else None

    def __call__(self, picture: Array) -> list[Array]:
        """(3, h, w) in the model's own range -> its outputs, in the file's order."""
        outputs = self._session.run(None, {self._entry: picture[None].astype(np.float32)})
        return [np.asarray(output, np.float32) for output in outputs]


def choose_device(asked: str) -> str:
    """ "auto" takes CUDA where this onnxruntime has it. Raises EngineFault if "cuda" was asked for
    and is not there."""
    offered = PROVIDERS["cuda"] in onnxruntime.get_available_providers()
    if asked == "auto":
        return "cuda" if offered else "cpu"
    if asked == "cuda" and not offered:
        raise EngineFault(
            "Faces were to be found on the GPU, but this onnxruntime has no CUDA.",
            hint="Install onnxruntime-gpu in place of onnxruntime, or choose the CPU for faces.",
        )
    return asked


@lru_cache(maxsize=4)  # a worker makes one video after the other with the same files
def _session(path: Path, changed: int, size: int, device: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(CPU_THREADS, os.cpu_count() or 1)
    options.log_severity_level = ERRORS_ONLY
    # Threads that wait spin otherwise, on processors that the decoder and the paste need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=[PROVIDERS[device]]
        )
    except Exception as error:  # the runtime's errors share no type of their own
        raise UnreadableCheckpoint(f"{path} is no ONNX file that can be run: {error}") from error
    # A CUDA library that can't be loaded makes the runtime go on with the CPU, with a log line.
    if session.get_providers()[0] != PROVIDERS[device]:
        raise EngineFault(
            f"The face finder's file {path.name} could not be loaded on the GPU.",
            hint="Check that CUDA and cuDNN are of the versions that this onnxruntime asks for.",
        )
    return session
