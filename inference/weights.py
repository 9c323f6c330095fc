"""Read weight files and load them strictly: every key, every shape, or not at all.

Files are read as data only (`weights_only=True`, safetensors). Networks are built on the meta
device and take the file's tensors over, so no random copy of them is ever made.
"""

import json
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from safetensors.torch import load_file
from torch import Tensor, nn

from inference.errors import (
    MisshapenWeights,
    MissingCheckpoint,
    MissingWeights,
    UnknownWeights,
    UnreadableCheckpoint,
    WrongWeights,
)
from inference.unet import UNetConfig, VideoUNet
from inference.vae import OFFICIAL_SCALING
from inference.whisper import AudioEncoder, EncoderConfig

Network = TypeVar("Network", bound=nn.Module)
SHOWN = 5  # keys an error names
ENCODER_PREFIX = "encoder."
VAE_FILES = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
# How diffusers called the parts of an attention before 2023; the SD VAEs were saved like that.
VAE_OLD_NAMES = {
    ".query.": ".to_q.",
    ".key.": ".to_k.",
    ".value.": ".to_v.",
    ".proj_attn.": ".to_out.0.",
}


def load_unet(path: Path, config: UNetConfig | None = None) -> VideoUNet:
    """From `latentsync_unet.pt` or a safetensors of the same keys; official by default."""
    weights = read_weights(path)
    if isinstance(weights.get("state_dict"), Mapping):
        weights = weights["state_dict"]
    return fill(lambda: VideoUNet(config), weights, path)


def load_encoder(path: Path, config: EncoderConfig | None = None) -> AudioEncoder:
    """From OpenAI's `tiny.pt`, whose decoder is left alone, or a safetensors of the encoder."""
    weights = read_weights(path)
    if isinstance(weights.get("model_state_dict"), Mapping):
        config = config or _encoder_config(weights, path)
        weights = weights["model_state_dict"]
    encoder = {k: v for k, v in weights.items() if k.startswith(ENCODER_PREFIX)}
    if encoder:
        weights = {k.removeprefix(ENCODER_PREFIX): v for k, v in encoder.items()}
    return fill(lambda: AudioEncoder(config), weights, path)


def load_vae(path: Path, config: Mapping[str, Any] | None = None) -> AutoencoderKL:
    """From the folder of a diffusers AutoencoderKL, or its weights file.

    Without a config it is an SD VAE: config.json beside the weights, and LatentSync's scaling.
    """
    file = _vae_file(path) if path.is_dir() else path
    if config is None:
        config = read_json(file.parent / "config.json")
        config = {**config, "scaling_factor": OFFICIAL_SCALING, "shift_factor": 0.0}
    options = dict(config)
    weights = {_modern(name): value for name, value in read_weights(file).items()}
    vae: AutoencoderKL = fill(lambda: AutoencoderKL.from_config(options), weights, file)
    return vae


def fill(build: Callable[[], Network], weights: Mapping[str, Any], path: Path) -> Network:
    """Build a network on the meta device and let it take these weights over.

    Raises MissingWeights, UnknownWeights or MisshapenWeights, naming the file and the first keys.
    """
    with torch.device("meta"):
        network = build()
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    _refuse(MissingWeights, path, sorted(wanted.keys() - weights.keys()))
    _refuse(UnknownWeights, path, sorted(weights.keys() - wanted.keys()))
    shapes = {name: _shape(weights[name]) for name in wanted}
    wrong = [name for name in wanted if shapes[name] != wanted[name]]
    _refuse(
        MisshapenWeights, path, [f"{k} {shapes[k]} instead of {wanted[k]}" for k in sorted(wrong)]
    )
    network.load_state_dict(weights, strict=True, assign=True)
    return network.eval().requires_grad_(False)


def _shape(value: Any) -> tuple[int, ...] | str:
    """A tensor of floating-point numbers has a shape; anything else is no weight at all."""
    if isinstance(value, Tensor) and value.is_floating_point():
        return tuple(value.shape)
    return "without floating-point numbers"


def read_weights(path: Path) -> dict[str, Any]:
    """What a .safetensors or PyTorch file holds. Raises MissingCheckpoint, UnreadableCheckpoint."""
    if not path.is_file():
        raise MissingCheckpoint(f"The file {path} is not there.")
    try:
        held = _read(path)
    except Exception:  # the restricted unpickler fails in any way it likes on what isn't a pickle
        raise UnreadableCheckpoint(f"{path} can't be read as a file of weights.") from None
    if not isinstance(held, dict):
        raise UnreadableCheckpoint(f"{path} holds no dictionary of weights.")
    return held


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises MissingCheckpoint, UnreadableCheckpoint."""
    if not path.is_file():
        raise MissingCheckpoint(f"The file {path} is not there.")
    try:
        held = json.loads(path.read_text())
    except (ValueError, OSError):
        raise UnreadableCheckpoint(f"{path} can't be read as JSON.") from None
    if not isinstance(held, dict):
        raise UnreadableCheckpoint(f"{path} holds no JSON object.")
    return held


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        return load_file(path)
    # Mapped, not read, where the format allows it: the official UNet has 5 GB.
    mapped = zipfile.is_zipfile(path)
    return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)


def _refuse(error: type[WrongWeights], path: Path, names: Iterable[str]) -> None:
    names = list(names)
    if names:
        raise error(path, names[:SHOWN], len(names))


def _encoder_config(held: Mapping[str, Any], path: Path) -> EncoderConfig:
    try:
        dims = held["dims"]
        return EncoderConfig(
            n_mels=dims["n_mels"],
            ctx=dims["n_audio_ctx"],
            width=dims["n_audio_state"],
            heads=dims["n_audio_head"],
            layers=dims["n_audio_layer"],
        )
    except (KeyError, TypeError):
        raise UnreadableCheckpoint(f"{path} does not say the encoder's dimensions.") from None


def _vae_file(folder: Path) -> Path:
    for name in VAE_FILES:
        if (folder / name).is_file():
            return folder / name
    raise MissingCheckpoint(f"The folder {folder} has no {VAE_FILES[0]}.")


def _modern(name: str) -> str:
    if ".attentions." in name:
        for old, new in VAE_OLD_NAMES.items():
            name = name.replace(old, new)
    return name
