"""Where the networks run, and in which precision. Nothing falls back from a GPU to the CPU."""

import re
from collections.abc import Iterable

import torch

from inference.errors import BadOption

HALF_PRECISION_CAPABILITY = 8  # CUDA compute capability from which the reference takes fp16
Capability = tuple[int, int]


def choose_device(name: str = "auto") -> torch.device:
    """ "auto" is the GPU where there is a usable one.

    Raises BadOption for a device that isn't there or that this torch can't run on: before any work
    is done, and with what to do about it.
    """
    if name == "auto" and not torch.cuda.is_available():
        return torch.device("cpu")
    try:
        device = torch.device("cuda" if name == "auto" else name)
    except RuntimeError:
        raise BadOption(
            f"There is no kind of device called {name}.", hint="Choose auto, cpu, cuda or cuda:1."
        ) from None
    if device.type == "cuda":
        check_gpu(device)
    elif device.type != "cpu":
        raise BadOption(f"The engine runs on cpu and cuda, not on {name}.", hint="Choose auto.")
    return device


def check_gpu(device: torch.device) -> None:
    """Raises BadOption unless this torch has kernels for that GPU, and one of them runs."""
    if not torch.cuda.is_available():
        raise BadOption(f"This machine has no usable GPU{_why_not()}", hint=NO_GPU_HINT)
    count = torch.cuda.device_count()
    if device.index is not None and device.index >= count:
        raise BadOption(
            f"There is no {device}: this machine has {count} GPU{'s' * (count > 1)}.",
            hint=f"Choose cuda:0 to cuda:{count - 1}." if count > 1 else "Choose cuda.",
        )
    capability, built_for = torch.cuda.get_device_capability(device), torch.cuda.get_arch_list()
    if not runs_on(capability, built_for):
        raise BadOption(
            f"{torch.cuda.get_device_name(device)} has compute capability"
            f" {'.'.join(map(str, capability))}; torch {torch.__version__} is built for"
            f" {', '.join(built_for)}.",
            hint="Install a torch that is built for it (pytorch.org/get-started), or choose cpu.",
        )
    try:
        torch.ones(1, device=device).add(1).item()
    except (RuntimeError, AssertionError) as error:  # a build without CUDA asserts
        reason = str(error).splitlines()[0]
        raise BadOption(f"The GPU doesn't answer: {reason}", hint=NO_GPU_HINT) from error


NO_GPU_HINT = "Look at nvidia-smi for the driver and who uses the GPU, or choose cpu or auto."


def _why_not() -> str:
    if torch.version.cuda is None:
        return f": torch {torch.__version__} is a build for CPUs."
    return f": torch {torch.__version__} finds no driver for CUDA {torch.version.cuda}."


def runs_on(capability: Capability, built_for: Iterable[str]) -> bool:
    """Whether a torch built for these ("sm_80", "sm_90a", "compute_90") has code for a GPU.

    Machine code runs on its own major version from its minor on; "a" code on that very chip alone;
    PTX ("compute_90") is translated for whatever is newer.
    """
    major, minor = capability
    for name in built_for:
        match = re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", name)
        if not match:
            continue
        built = (int(match[2]), int(match[3]))
        if match[4] == "a":
            fits = built == capability
        elif match[1] == "compute":
            fits = built <= capability
        else:
            fits = built[0] == major and built[1] <= minor
        if fits:
            return True
    return False


def choose_dtype(device: torch.device) -> torch.dtype:
    """fp16 on a GPU of capability 8 or more, fp32 elsewhere: a T4 and a CPU get fp32."""
    if device.type != "cuda":
        return torch.float32
    capable = torch.cuda.get_device_capability(device)[0] >= HALF_PRECISION_CAPABILITY
    return torch.float16 if capable else torch.float32
