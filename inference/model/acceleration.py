"""The UNet's passes at full speed on a GPU; the numbers stay those of the plain network.

A pass of the official UNet launches some two thousand kernels, most of them short: at 256 px a
Python that starts them one by one can't keep a large GPU busy. So a pass over a full window is
recorded as a CUDA graph and replayed. A process that lives on compiles it first (`torch.compile`
fuses what lies between the large products): that takes minutes, so it is done by warm_up() alone,
never while somebody waits for a film. The last, shorter window of a film (each length would cost
memory of its own) and every pass on a CPU run as they are written.
"""

import importlib.util
import logging
import os
import shutil
from collections.abc import Callable
from functools import partial
from typing import Any, Literal
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from inference.model.recording import CudaTape, Function, Recorded, Recorder
from inference.model.unet.config import WINDOW_FRAMES
from inference.model.unet.network import VideoUNet
from inference.model.unet.space import Heard

logger = logging.getLogger(__name__)

Mode = Literal["eager", "captured", "compiled"]
Kind = tuple[str, bool]  # of pass: its name, and whether it has a silent half


def can_compile() -> bool:
    """Triton makes the kernels, and needs a C compiler for what starts them.

    TORCH_COMPILE_DISABLE=1 asks for recordings alone.
    """
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    wanted = os.environ.get("TORCH_COMPILE_DISABLE", "0") in ("", "0")
    return wanted and bool(compiler) and importlib.util.find_spec("triton") is not None


class Passes:
    """Called like the VideoUNet that it runs. What it returns holds until its next call.

    mode: what is done in fact; `note` says why, where that is less than what was wanted.
    """

    mode: Mode
    note: str

    def __init__(
        self,
        network: VideoUNet,
        *,
        record: Recorder = CudaTape,
        compiler: Callable[[Function], Function] | None = None,
    ) -> None:
        self.conv_in = network.conv_in
        self.mode, self.note = "captured", ""
        self._network, self._record = network, record
        self._dtype = network.conv_in.weight.dtype
        self._weights = self._whose()
        self._compile = compiler or partial(torch.compile, fullgraph=True, dynamic=False)
        self._ready: dict[Kind, Recorded] = {}
        self._to_compile: set[Kind] = set()

    def compile_whole(self, *, beside_silence: bool) -> None:
        """Have whole passes compiled at their next call."""
        kind = ("whole", beside_silence)
        self._to_compile.add(kind)
        self._ready.pop(kind, None)
        self.mode = "compiled"

    def __call__(
        self,
        sample: Tensor,
        timestep: int,
        audio: Tensor,
        *,
        beside_silence: bool = False,
    ) -> Tensor:
        out: Tensor = self._run("whole", beside_silence, sample, timestep, audio)
        return out

    def deep_and_out(self, sample: Tensor, timestep: int, heard: Heard) -> tuple[Tensor, Tensor]:
        deep, out = self._run("deep_and_out", heard.beside_silence, sample, timestep, heard.audio)
        return deep, out

    def out_of_deep(self, sample: Tensor, timestep: int, heard: Heard, deep: Tensor) -> Tensor:
        out: Tensor = self._run(
            "out_of_deep", heard.beside_silence, sample, timestep, heard.audio, deep
        )
        return out

    def _run(
        self,
        kind: str,
        beside_silence: bool,
        sample: Tensor,
        timestep: int,
        audio: Tensor | None,
        *deep: Tensor,
    ) -> Any:
        step = torch.full((1,), timestep, device=sample.device)
        # The order of memory in which tensor cores take pictures, and in which frames fold freely.
        sample = sample.contiguous(memory_format=torch.channels_last_3d)
        plain = partial(_PASSES[kind], self._network, beside_silence)
        moved = self._moved()
        if moved or self.mode == "eager" or sample.shape[2] != WINDOW_FRAMES or audio is None:
            return plain(sample, step, audio, *deep)
        # The shapes stay: it pays to try which convolution is fastest.
        with torch.backends.cudnn.flags(benchmark=True):
            return self._replay((kind, beside_silence), plain, (sample, step, audio, *deep))

    def _replay(self, kind: Kind, plain: Function, inputs: tuple[Tensor, ...]) -> Any:
        while self.mode != "eager":
            try:
                if kind not in self._ready:
                    prepared = self._compile(plain) if kind in self._to_compile else plain
                    self._ready[kind] = Recorded(prepared, self._record)
                return self._ready[kind](*inputs)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # compilers and drivers fail in any way they like
                self._step_down(error)
        return plain(*inputs)

    def _whose(self) -> tuple[int, torch.dtype]:
        weight = self._network.conv_in.weight
        return weight.data_ptr(), weight.dtype

    def _moved(self) -> bool:
        """Whether the weights lie elsewhere for now, as for a second try in single precision.

        A recording knows them by their addresses: it is void then, and none is made for one try.
        """
        before, self._weights = self._weights, self._whose()
        if before != self._weights:
            self._ready.clear()
        return self._weights[1] != self._dtype

    def forget(self) -> None:
        """Throw all recordings away: the weights have moved, and may lie at the old addresses
        again in part."""
        self._ready.clear()

    def _step_down(self, error: Exception) -> None:
        """Slower, and with the same numbers; said in the log and in the report."""
        lesser: Mode = "captured" if self.mode == "compiled" else "eager"
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        self.note = f"The network could not be {self.mode} ({reason}); it runs {lesser}."
        logger.warning("acceleration_failed wanted=%s now=%s error=%s", self.mode, lesser, reason)
        self.mode = lesser
        self._to_compile.clear()
        self._ready.clear()


def _whole(
    network: VideoUNet, beside_silence: bool, sample: Tensor, step: Tensor, audio: Tensor
) -> Tensor:
    out: Tensor = network(sample, step, audio, beside_silence=beside_silence)
    return out


def _deep_and_out(
    network: VideoUNet, beside_silence: bool, sample: Tensor, step: Tensor, audio: Tensor
) -> tuple[Tensor, Tensor]:
    return network.deep_and_out(sample, step, Heard(audio, beside_silence))


def _out_of_deep(
    network: VideoUNet,
    beside_silence: bool,
    sample: Tensor,
    step: Tensor,
    audio: Tensor,
    deep: Tensor,
) -> Tensor:
    return network.out_of_deep(sample, step, Heard(audio, beside_silence), deep)


_PASSES: dict[str, Function] = {
    "whole": _whole,
    "deep_and_out": _deep_and_out,
    "out_of_deep": _out_of_deep,
}
_OF_NETWORK: WeakKeyDictionary[VideoUNet, Passes] = WeakKeyDictionary()


def in_tensor_order(network: nn.Module) -> None:
    """Convolutions' weights in the order that a GPU's tensor cores take, where it is a GPU."""
    first = next(network.parameters())
    if first.device.type == "cuda":
        nn.Module.to(network, memory_format=torch.channels_last)  # type: ignore[call-overload]


def passes(network: VideoUNet) -> VideoUNet | Passes:
    """The fastest way to run this network where it lies; the same one at each call."""
    if not isinstance(network, VideoUNet) or network.conv_in.weight.device.type != "cuda":
        return network
    if network not in _OF_NETWORK:
        in_tensor_order(network)
        _OF_NETWORK[network] = Passes(network)
    return _OF_NETWORK[network]


def forget(network: VideoUNet) -> None:
    """After its weights were somewhere else, or in another precision, and came back."""
    found = _OF_NETWORK.get(network)
    if found is not None:
        found.forget()


def told(network: VideoUNet) -> dict[str, str]:
    """What a report says of it: {"mode": "compiled", "note": ""}."""
    found = passes(network)
    return (
        {"mode": found.mode, "note": found.note}
        if isinstance(found, Passes)
        else {"mode": "eager", "note": ""}
    )


@torch.inference_mode()
def warm_up(network: VideoUNet, side: int, *, guided: bool = True) -> None:
    """Compile and record a window's pass, for a process that lives on: minutes, once.

    side: height of the latents. Does nothing on a CPU.
    """
    found = passes(network)
    if not isinstance(found, Passes):
        return
    if can_compile():
        found.compile_whole(beside_silence=guided)
    weight, config = network.conv_in.weight, network.config
    sample = weight.new_zeros(1, config.in_channels, WINDOW_FRAMES, side, side)
    tokens = 50  # ten rows of five states a frame
    audio = weight.new_zeros(WINDOW_FRAMES, tokens, config.audio_width)
    found(sample, 1, audio, beside_silence=guided)
    torch.cuda.synchronize(weight.device)
