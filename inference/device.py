"""Where the networks run, and in which precision."""

import torch

from inference.errors import BadOption

HALF_PRECISION_CAPABILITY = 8  # CUDA compute capability from which the reference takes fp16


def choose_device(name: str = "auto") -> torch.device:
    """ "auto" is the GPU where there is one. Raises BadOption for a device that isn't there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise BadOption(f"There is no kind of device called {name}.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise BadOption("This machine has no usable GPU; choose the device cpu or auto.")
    return device


def choose_dtype(device: torch.device) -> torch.dtype:
    """fp16 on a GPU of capability 8 or more, fp32 elsewhere: a T4 and a CPU get fp32."""
    if device.type != "cuda":
        return torch.float32
    capable = torch.cuda.get_device_capability(device)[0] >= HALF_PRECISION_CAPABILITY
    return torch.float16 if capable else torch.float32
