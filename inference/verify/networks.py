"""Goldens of the UNet with random weights: single passes, and whole denoising loops."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from inference.model.diffusion import denoise, scheduler
from inference.model.network_files import load_unet
from inference.model.unet.config import UNetConfig
from inference.model.unet.network import VideoUNet
from inference.verify.folder import Arrays, Folder
from inference.verify.rows import Check, Row, attempt, counted, equal, near, never_asked

CONFIG, WEIGHTS = "unet_tiny/config.json", "unet_tiny/weights.safetensors"
PASSES, LOOPS = "unet_tiny/golden.safetensors", "unet_tiny/ddim.safetensors"
PASS_LIMIT = 5e-5
SHORT_LOOP, SHORT_LOOP_LIMIT, LONG_LOOP_LIMIT = 5, 5e-4, 1e-3
LOOP = r"steps(\d+)_guidance([\d.]+)"


def load(folder: Folder) -> VideoUNet:
    """By the product's own strict loader."""
    config = UNetConfig.from_official(folder.json(CONFIG))
    return load_unet(folder.path / WEIGHTS, config)


def weights_load(folder: Folder) -> Iterator[Row]:
    """Raises, and so fails, for a key too many, one too few, or one of another shape."""
    network = load(folder)
    yield counted(f"{WEIGHTS} loads strictly", 0, 0, note=f"{len(network.state_dict())} keys")


def passes(folder: Folder) -> Iterator[Row]:
    arrays = folder.arrays(PASSES)
    network = load(folder)
    for kind in ("", "_partial"):
        yield from attempt(f"{PASSES} out{kind}_t*", partial(_passes, network, arrays, kind))
    yield from never_asked(arrays)


@torch.inference_mode()
def _passes(network: VideoUNet, arrays: Arrays, kind: str) -> Iterator[Row]:
    sample = torch.from_numpy(arrays[f"sample{kind}"])
    audio = torch.from_numpy(arrays[f"audio{kind}"])
    for match in arrays.matching(rf"out{kind}_t(\d+)"):
        ours = network(sample, int(match[1]), audio)
        yield near(f"{PASSES} {match[0]}", ours, arrays[match[0]], PASS_LIMIT)


def loops(folder: Folder) -> Iterator[Row]:
    arrays = folder.arrays(LOOPS)
    network = load(folder)
    names = arrays.matching(rf"(?:latents|timesteps|trace)_{LOOP}(?:_\d+)?")
    for steps, guidance in dict.fromkeys((int(m[1]), m[2]) for m in names):
        yield from attempt(
            f"{LOOPS} steps{steps}_guidance{guidance}",
            partial(_loop, network, arrays, steps, guidance),
        )
    yield from never_asked(arrays)


def _loop(network: VideoUNet, arrays: Arrays, steps: int, guidance: str) -> Iterator[Row]:
    name, limit = f"steps{steps}_guidance{guidance}", _limit(steps)
    yield from attempt(
        f"{LOOPS} timesteps_{name}",
        lambda: [
            equal(
                f"{LOOPS} timesteps_{name}",
                scheduler(steps).timesteps,
                arrays[f"timesteps_{name}"],
            )
        ],
    )
    trace: list[Tensor] = []
    ours = denoise(
        network,
        torch.from_numpy(arrays["noise"]),
        torch.from_numpy(arrays["mask_masked_ref"]),
        torch.from_numpy(arrays["audio"]),
        steps=steps,
        guidance=float(guidance),
        on_step=lambda _, latents: trace.append(latents[:, :, 0]),
    )
    yield from attempt(
        f"{LOOPS} latents_{name}",
        lambda: [near(f"{LOOPS} latents_{name}", ours, arrays[f"latents_{name}"], limit)],
    )
    for step, latents in enumerate(trace):
        golden = f"trace_{name}_{step}"
        if golden in arrays.never_asked():
            yield near(f"{LOOPS} {golden}", latents, arrays[golden], limit)


def _limit(steps: int) -> float:
    return SHORT_LOOP_LIMIT if steps <= SHORT_LOOP else LONG_LOOP_LIMIT


CHECKS = (
    Check((CONFIG, WEIGHTS), weights_load),
    Check((CONFIG, WEIGHTS, PASSES), passes),
    Check((CONFIG, WEIGHTS, LOOPS), loops),
)
