"""What LatentSync's own files cost: made into a bundle, and loaded, each in a process of its own.

    bin/run python -m benchmarks.model_loading [--tiny] [--json FILE]

Makes files of the official layout and size with random numbers (5.5 GB on disk, and 2.7 GB for the
bundle; gone at the end), runs `bundle make` on them, and loads the bundle in both precisions and
the UNet's own file as it is. Counted is how far the peak of resident memory grows after imports:
while making, two pieces of 256 MB at most should be there; while loading, 1.3 times the weights.
About two minutes.
"""

import json
import mmap
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from benchmarks.measuring import Report, finish, parser, resident_mib
from benchmarks.networks import OFFICIAL, TINY, Sizes
from inference.bundle.making import Recipe, make
from inference.model.checkpoint import load_bundle
from inference.model.network_files import load_unet
from inference.model.unet.config import UNetConfig
from inference.model.weight_files import PIECE_BYTES

MOST_MAKING_MIB = 3 * PIECE_BYTES / 2**20  # two pieces and what Python needs for so many tensors
MOST = 1.3  # times the weights
EVERY = 512  # numbers of which one is read: a page holds 1024 of single precision
ROOT = Path(__file__).parents[1]
LIMIT_SECONDS = 600
SPREAD = 0.02  # of the random numbers


def make_files(folder: Path, sizes: Sizes) -> None:
    """latentsync_unet.pt, tiny.pt, vae/ and sizes.json: random numbers, hardly any memory."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    from inference.model.unet.network import VideoUNet
    from inference.model.whisper import AudioEncoder

    with torch.device("meta"):
        unet, encoder = VideoUNet(sizes.unet), AudioEncoder(sizes.encoder)
        vae = AutoencoderKL.from_config(dict(sizes.vae))
    told = sizes.encoder
    dims = {"n_mels": told.n_mels, "n_audio_ctx": told.ctx, "n_audio_state": told.width}
    dims |= {"n_audio_head": told.heads, "n_audio_layer": told.layers}
    ears = {f"encoder.{name}": tensor for name, tensor in encoder.state_dict().items()}
    (folder / "vae").mkdir()
    (folder / "vae" / "config.json").write_text(json.dumps(dict(sizes.vae)))
    (folder / "sizes.json").write_text(json.dumps(sizes.unet.to_mapping()))
    _save(folder / "latentsync_unet.pt", "state_dict", unet.state_dict(), {"global_step": 1})
    _save(folder / "tiny.pt", "model_state_dict", ears, {"dims": dims})
    _save(folder / "vae" / "diffusion_pytorch_model.bin", None, vae.state_dict(), {})


def _save(
    path: Path, key: str | None, like: Mapping[str, Tensor], beside: dict[str, object]
) -> None:
    """A file of PyTorch's with room for the numbers, which are then drawn into it in place."""
    with FakeTensorMode():
        empty = {name: torch.empty(tensor.shape) for name, tensor in like.items()}
    with torch.serialization.skip_data(materialize_fake_tensors=True):
        torch.save({key: empty, **beside} if key else empty, path)
    with torch.serialization.set_default_mmap_options(mmap.MAP_SHARED):
        held = torch.load(path, mmap=True, weights_only=True)
    generator = torch.Generator().manual_seed(0)
    for tensor in (held[key] if key else held).values():
        tensor.uniform_(-SPREAD, SPREAD, generator=generator)


def run_make(folder: Path) -> dict[str, float]:
    sizes = json.loads((folder / "sizes.json").read_text())
    recipe = Recipe(
        unet=folder / "latentsync_unet.pt",
        whisper=folder / "tiny.pt",
        vae=folder / "vae",
        resolution=512,
        unet_config=UNetConfig.from_mapping(sizes),
    )
    manifest = make(recipe, folder / "bundle")
    total = sum(entry["size_bytes"] for entry in manifest["files"].values())
    return {"weights": total / 2**20}


def run_bundle(dtype: torch.dtype) -> Callable[[Path], dict[str, float]]:
    def run(folder: Path) -> dict[str, float]:
        model = load_bundle(folder / "bundle", torch.device("cpu"), dtype)
        return {"weights": _read([model.unet, model.encoder, model.vae])}

    return run


def run_file(folder: Path) -> dict[str, float]:
    sizes = json.loads((folder / "sizes.json").read_text())
    unet = load_unet(folder / "latentsync_unet.pt", UNetConfig.from_mapping(sizes))
    return {"weights": _read([unet])}


def _read(networks: list[nn.Module]) -> float:
    """MiB of all weights, after something of each of their pages was read."""
    tensors = [tensor for network in networks for tensor in network.state_dict().values()]
    for tensor in tensors:
        tensor.flatten()[::EVERY].sum()
    return sum(tensor.nbytes for tensor in tensors) / 2**20


STEPS = {
    "make": ("bundle make", run_make),
    "half": ("the bundle as float16", run_bundle(torch.float16)),
    "full": ("the bundle as float32", run_bundle(torch.float32)),
    "file": ("latentsync_unet.pt as it is (float32)", run_file),
}


def measured(step: str, folder: Path) -> dict[str, float]:
    """In this process: MiB that its peak grew by after imports, MiB of the weights, seconds."""
    torch.ones(8).add(1).half()  # what the first use of torch takes is no part of the weights
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from now on
    before, start = resident_mib("VmRSS"), time.perf_counter()
    found = STEPS[step][1](folder)
    seconds = time.perf_counter() - start
    return {**found, "growth": resident_mib("VmHWM") - before, "seconds": seconds}


def measure(sizes: Sizes, folder: Path) -> Report:
    report = Report("LatentSync's own files, with random numbers: made into a bundle, and loaded")
    make_files(folder, sizes)
    for step, (name, _) in STEPS.items():
        found = _in_a_fresh_process(step, folder)
        report.add(f"{name}: weights", found["weights"], "MiB")
        report.add(f"{name}: growth of the peak", found["growth"], "MiB after imports")
        report.add(f"{name}: took", found["seconds"], "s")
        report.figures[step] = found
        if sizes is not OFFICIAL:
            continue
        if step == "make":
            report.promise(
                "making, growth of the peak", found["growth"], MOST_MAKING_MIB, at_most=True
            )
        else:
            ratio = found["growth"] / found["weights"]
            report.promise(f"{name}: growth over weights", ratio, MOST, at_most=True)
    return report


def _in_a_fresh_process(step: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.model_loading", "--step", step, str(folder)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=LIMIT_SECONDS, cwd=ROOT, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{step} failed: {done.stderr.strip()[-400:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(arguments: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("--tiny", action="store_true", help="tiny networks: proves that it runs")
    made.add_argument("--step", nargs=2, metavar=("STEP", "FOLDER"), help="one, in this process")
    given = made.parse_args(arguments)
    if given.step:
        print(json.dumps(measured(given.step[0], Path(given.step[1]))))
        return 0
    with tempfile.TemporaryDirectory() as name:
        report = measure(TINY if given.tiny else OFFICIAL, Path(name))
    return finish(report, given)


if __name__ == "__main__":
    sys.exit(main())
