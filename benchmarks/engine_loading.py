"""How much memory loading a model takes beside the model itself.

    bin/run python -m benchmarks.engine_loading [--dtype float16|float32] [--json FILE]

Makes a bundle of the official size with random numbers in half precision (2.7 GB on disk), loads
it in a fresh process and reads every weight once: the peak may grow, after imports, by 1.3 times
the weights at most. About half a minute; making the files takes 5 GB of memory for a moment.
"""

import json
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmarks.measuring import KIBIBYTES_TO_MIB, Report, finish, parser
from benchmarks.networks import OFFICIAL, TINY, Sizes
from inference.checkpoint import file_sha256, load_bundle
from inference.unet import VideoUNet
from inference.whisper import AudioEncoder

MOST = 1.3
RESOLUTION = 512
EVERY = 512  # numbers; a page holds 1024 of single precision
BLOCK = 1 << 20  # random numbers that are drawn; the weights repeat them
ROOT = Path(__file__).parents[1]


def make_bundle(folder: Path, sizes: Sizes) -> Path:
    with torch.device("meta"):
        networks: dict[str, nn.Module] = {
            "unet": VideoUNet(sizes.unet),
            "encoder": AudioEncoder(sizes.encoder),
            "vae": AutoencoderKL.from_config(dict(sizes.vae)),
        }
    block = torch.randn(BLOCK, generator=torch.Generator().manual_seed(0)).mul(0.02).half()
    files = {}
    for role, network in networks.items():
        path = folder / f"{role}.safetensors"
        save_file({k: _filled(v, block) for k, v in network.state_dict().items()}, path)
        files[role] = {
            "path": path.name,
            "sha256": file_sha256(path),
            "size_bytes": path.stat().st_size,
            "license": "random numbers",
        }
    manifest = {
        "name": "random",
        "label": "random numbers",
        "version": "0",
        "demo": True,
        "resolution": RESOLUTION,
        "finder": "builtin",
        "files": files,
        "unet": sizes.unet.to_mapping(),
        "encoder": sizes.encoder.to_mapping(),
        "vae": dict(sizes.vae),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def _filled(like: Tensor, block: Tensor) -> Tensor:
    times = -(-like.numel() // len(block))
    return block.repeat(times)[: like.numel()].reshape(like.shape).clone()


def load(folder: Path, dtype: torch.dtype) -> dict[str, float]:
    """In this process: MiB that its peak grew by, MiB of the weights, seconds."""
    # What the first use of torch itself takes is no part of the weights.
    torch.ones(8, dtype=dtype).add(1)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from now on
    before = _status("VmRSS")
    start = time.perf_counter()
    model = load_bundle(folder, torch.device("cpu"), dtype)
    seconds = time.perf_counter() - start
    networks: tuple[nn.Module, ...] = (model.unet, model.encoder, model.vae)
    weights = sum(
        tensor.numel() * tensor.element_size()
        for network in networks
        for tensor in network.state_dict().values()
    )
    for network in networks:
        for tensor in network.state_dict().values():
            # A file that is mapped takes memory only once it is read: read something of each page.
            tensor.flatten()[::EVERY].sum()
    return {
        "growth": _status("VmHWM") - before,
        "weights": weights / 2**20,
        "seconds": seconds,
    }


def _status(key: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) / KIBIBYTES_TO_MIB


def measure(sizes: Sizes, dtype: str, folder: Path, *, limit: float = 600) -> Report:
    report = Report(f"Loading a bundle of half-precision files as {dtype}")
    make_bundle(folder, sizes)
    command = [
        *(sys.executable, "-m", "benchmarks.engine_loading"),
        *("--load", str(folder), "--dtype", dtype),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=limit, cwd=ROOT, check=False
    )
    if done.returncode:
        raise RuntimeError(f"loading failed: {done.stderr.strip()[-400:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    report.add("weights", found["weights"], "MiB")
    report.add("growth of the peak", found["growth"], "MiB after imports")
    report.add("loading took", found["seconds"], "s, checksums included")
    if sizes is OFFICIAL:
        ratio = found["growth"] / found["weights"]
        report.promise("growth over weights", ratio, MOST, at_most=True)
    report.figures = found
    return report


def main(arguments: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("--dtype", choices=["float16", "float32"], default="float16")
    made.add_argument("--tiny", action="store_true", help="tiny networks: proves that it runs")
    made.add_argument("--load", type=Path, metavar="BUNDLE", help="load one in this process only")
    given = made.parse_args(arguments)
    if given.load:
        print(json.dumps(load(given.load, getattr(torch, given.dtype))))
        return 0
    with tempfile.TemporaryDirectory() as name:
        report = measure(TINY if given.tiny else OFFICIAL, given.dtype, Path(name))
    return finish(report, given)


if __name__ == "__main__":
    sys.exit(main())
