"""How busy the GPU is, asked of NVIDIA's management library where there is one."""

import ctypes
from functools import cache


class _Utilization(ctypes.Structure):
    _fields_ = [("gpu", ctypes.c_uint), ("memory", ctypes.c_uint)]  # percent


def utilization(index: int = 0) -> float | None:
    """Share of the last second in which the GPU computed, 0 to 1; None without a GPU."""
    library = _library()
    if library is None:
        return None
    handle, rates = ctypes.c_void_p(), _Utilization()
    if library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)):
        return None
    if library.nvmlDeviceGetUtilizationRates(handle, ctypes.byref(rates)):
        return None
    return rates.gpu / 100


@cache
def _library() -> ctypes.CDLL | None:
    """Loaded by its own name, without a package: it comes with the driver or not at all."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    return library if library.nvmlInit_v2() == 0 else None
