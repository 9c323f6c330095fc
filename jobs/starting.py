"""How the model's process is started, and what it may see of ours."""

import os
import sys
import tempfile
from collections.abc import Mapping

from django.conf import settings

# What the model may need to find its libraries, its device and its number of threads. Everything
# else stays here: addresses, passwords and keys above all.
HARMLESS = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
HARMLESS_PREFIXES = ("CUDA_", "NVIDIA_", "PYTORCH_", "TORCH_")


def command() -> list[str]:
    child = [sys.executable, "-m", settings.MODEL_CHILD_MODULE, "--device", settings.MODEL_DEVICE]
    if settings.MODEL_PREFIX:
        return [sys.executable, "-m", "jobs.bundles", settings.MODEL_PREFIX, *child]
    return [*child, "--bundle", str(settings.MODEL_BUNDLE)]


def environment() -> dict[str, str]:
    """Whoever brings a bundle needs our keys to the bucket; it drops them before it loads it."""
    return dict(os.environ) if settings.MODEL_PREFIX else clean_environment(os.environ)


def clean_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """What the model's process may see of ours: no secret, no address, a home of its own."""
    kept = {
        name: value
        for name, value in ours.items()
        if name in HARMLESS or name.startswith(HARMLESS_PREFIXES)
    }
    return {**kept, "HOME": tempfile.gettempdir(), "PYTHONUNBUFFERED": "1"}
