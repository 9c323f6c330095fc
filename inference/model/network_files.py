"""The files of the three networks: which of their entries are wanted, and of what size each is.

The official files are taken as they are; ours have the same keys.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from inference.errors import MissingVae, UnreadableCheckpoint, WrongEncoder, WrongVae
from inference.model.unet.config import LATENT_CHANNELS, UNetConfig
from inference.model.unet.network import VideoUNet
from inference.model.vae import OFFICIAL_SCALING
from inference.model.weight_files import Weights, read_json, read_weights
from inference.model.weights import Checkpoint
from inference.model.whisper import AudioEncoder, EncoderConfig

if TYPE_CHECKING:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

ENCODER_PREFIX = "encoder."
VAE_FILES = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
VAE_CONFIG = "config.json"
VAE_LEVELS = 4  # three halvings: a latent stands for 8 x 8 pixels
# How diffusers called the parts of an attention before 2023; the SD VAEs were saved like that.
VAE_OLD_NAMES = {
    ".query.": ".to_q.",
    ".key.": ".to_k.",
    ".value.": ".to_v.",
    ".proj_attn.": ".to_out.0.",
}
WHISPERS = {384: "tiny", 512: "base", 768: "small", 1024: "medium", 1280: "large"}


def unet_checkpoint(path: Path, config: UNetConfig | None = None) -> Checkpoint[VideoUNet]:
    """`latentsync_unet.pt`, or a safetensors of the same keys; official sizes by default."""
    return Checkpoint(path, lambda: VideoUNet(config), _unet_weights)


def encoder_checkpoint(
    path: Path, config: EncoderConfig | None = None, *, width: int | None = None
) -> Checkpoint[AudioEncoder]:
    """OpenAI's `tiny.pt`, whose decoder is left alone, or a safetensors of the encoder.

    width: what the UNet listens to; None for the config's own. Raises WrongEncoder for another.
    """
    held = read_weights(path)
    if isinstance(held.get("model_state_dict"), Mapping):
        config = config or _encoder_config(held, path)
    wanted = width or (config or EncoderConfig()).width
    found = _width(_encoder_weights(held)) or (config.width if config else wanted)
    if found != wanted:
        size = f" ({WHISPERS[found]})" if found in WHISPERS else ""
        raise WrongEncoder(
            f"{path} is a Whisper of width {found}{size}; the UNet listens to one of {wanted}."
        )
    return Checkpoint(path, lambda: AudioEncoder(config), _encoder_weights)


def vae_checkpoint(
    path: Path, config: Mapping[str, Any] | None = None
) -> "Checkpoint[AutoencoderKL]":
    """The folder of a diffusers AutoencoderKL, or its weights file.

    Without a config it is an SD VAE: config.json beside the weights, and LatentSync's scaling.
    Raises MissingVae, WrongVae.
    """
    file = _vae_file(path) if path.is_dir() else path
    told = file if config is not None else file.parent / VAE_CONFIG
    options = dict(config) if config is not None else official_vae_config(file)
    _refuse_other_latents(options, told)
    return Checkpoint(file, lambda: _autoencoder(options, told), _vae_weights)


def official_vae_config(file: Path) -> dict[str, Any]:
    """The config.json beside a VAE's weights, with the scaling that LatentSync always applies."""
    beside = file.parent / VAE_CONFIG
    if not beside.is_file():
        raise MissingVae(f"The VAE {file} has no {VAE_CONFIG} beside it.")
    return {**read_json(beside), "scaling_factor": OFFICIAL_SCALING, "shift_factor": 0.0}


def load_unet(path: Path, config: UNetConfig | None = None) -> VideoUNet:
    return unet_checkpoint(path, config).load()


def load_encoder(path: Path, config: EncoderConfig | None = None) -> AudioEncoder:
    return encoder_checkpoint(path, config).load()


def load_vae(path: Path, config: Mapping[str, Any] | None = None) -> "AutoencoderKL":
    return vae_checkpoint(path, config).load()


def _unet_weights(held: Weights) -> Weights:
    inner = held.get("state_dict")
    return inner if isinstance(inner, Mapping) else held


def _encoder_weights(held: Weights) -> Weights:
    inner = held.get("model_state_dict")
    weights = inner if isinstance(inner, Mapping) else held
    named = {k: v for k, v in weights.items() if str(k).startswith(ENCODER_PREFIX)}
    return {k.removeprefix(ENCODER_PREFIX): v for k, v in named.items()} or weights


def _vae_weights(held: Weights) -> Weights:
    return {_modern(name): value for name, value in held.items()}


def _modern(name: str) -> str:
    if ".attentions." in name:
        for old, new in VAE_OLD_NAMES.items():
            name = name.replace(old, new)
    return name


def _refuse_other_latents(config: Mapping[str, Any], told: Path) -> None:
    """told: the file that says so."""
    if config.get("latent_channels", LATENT_CHANNELS) != LATENT_CHANNELS:
        found = config["latent_channels"]
        raise WrongVae(f"{told}: latents of {found} channels; the UNet's have {LATENT_CHANNELS}.")
    if len(config.get("block_out_channels", ())) != VAE_LEVELS:
        raise WrongVae(f"{told}: a latent does not stand for 8 x 8 pixels.")


def _autoencoder(config: dict[str, Any], told: Path) -> "AutoencoderKL":
    # Its import takes two CPU seconds, torch's compiler among them: not where no model runs.
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    try:
        vae: AutoencoderKL = AutoencoderKL.from_config(config)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as wrong:
        raise WrongVae(f"{told} describes no AutoencoderKL: {wrong}.") from None
    return vae


def _width(weights: Weights) -> int | None:
    """Of an encoder, as its first convolution has it; None if there is no such thing."""
    first = weights.get("conv1.weight")
    return first.shape[0] if isinstance(first, Tensor) and first.ndim == 3 else None


def _encoder_config(held: Weights, path: Path) -> EncoderConfig:
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
    raise MissingVae(f"The folder {folder} has no {VAE_FILES[0]}.")
