"""Sizes of the UNet, and how the official files name them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

LATENT_CHANNELS = 4
WINDOW_FRAMES = 16  # what it was trained on, and what it is shown at a time
MASK_CHANNELS = 1
TIME_WIDENING = 4
# How its training made pictures noisy, as diffusers' schedulers name it: whoever takes noise away
# goes by the same.
NOISE_SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "prediction_type": "epsilon",
}


@dataclass(frozen=True)
class UNetConfig:
    """Sizes of the network; the defaults are the official v1.5 and v1.6.

    attention_levels: which down blocks attend to pixels and sound; the up blocks mirror them.
    motion: which levels have motion modules, None for all. heads: a number of heads, not a width.
    position_rows: longest window, in frames, that the motion modules can tell apart.
    """

    in_channels: int = LATENT_CHANNELS + MASK_CHANNELS + 2 * LATENT_CHANNELS
    out_channels: int = LATENT_CHANNELS
    widths: tuple[int, ...] = (320, 640, 1280, 1280)
    layers_per_block: int = 2
    attention_levels: tuple[bool, ...] = (True, True, True, False)
    heads: int = 8
    audio_width: int = 384
    groups: int = 32
    norm_eps: float = 1e-5
    motion: tuple[bool, ...] | None = None
    motion_heads: int = 8
    position_rows: int = 24

    def __post_init__(self) -> None:
        if len(self.attention_levels) != len(self.widths):
            raise ValueError("attention_levels must name each of the widths' levels")
        if self.motion is not None and len(self.motion) != len(self.widths):
            raise ValueError("motion must name each of the widths' levels")

    @property
    def motion_levels(self) -> tuple[bool, ...]:
        return (True,) * len(self.widths) if self.motion is None else self.motion

    @property
    def time_width(self) -> int:
        return TIME_WIDENING * self.widths[0]

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> "UNetConfig":
        """The reverse of to_mapping(), from JSON's lists."""
        values: dict[str, Any] = {}
        for name, value in given.items():
            values[name] = tuple(value) if isinstance(value, list) else value
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        """Values that JSON can hold."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_official(cls, options: Mapping[str, Any]) -> "UNetConfig":
        """Read the option names of LatentSync's configs/unet/*.yaml.

        Raises ValueError for an option whose value asks for another network than this one.
        """
        _refuse_other_networks(options)
        motion = options["motion_module_kwargs"]
        levels = len(options["block_out_channels"])
        scales = options["motion_module_resolutions"]
        return cls(
            in_channels=options["in_channels"],
            out_channels=options["out_channels"],
            widths=tuple(options["block_out_channels"]),
            layers_per_block=options["layers_per_block"],
            attention_levels=tuple("CrossAttn" in name for name in options["down_block_types"]),
            heads=options["attention_head_dim"],
            audio_width=options["cross_attention_dim"],
            groups=options["norm_num_groups"],
            norm_eps=options["norm_eps"],
            motion=tuple(options["use_motion_module"] and 2**i in scales for i in range(levels)),
            motion_heads=motion["num_attention_heads"],
            position_rows=motion["temporal_position_encoding_max_len"],
        )


# What this network is built for; an official config that says otherwise describes another one.
_OFFICIAL = {
    "act_fn": "silu",
    "add_audio_layer": True,
    "center_input_sample": False,
    "downsample_padding": 1,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "mid_block_type": "UNetMidBlock3DCrossAttn",
    "mid_block_scale_factor": 1,
    "resnet_time_scale_shift": "default",
    "motion_module_mid_block": False,
    "motion_module_decoder_only": False,
    "motion_module_type": "Vanilla",
}
_OFFICIAL_MOTION = {
    "num_transformer_block": 1,
    "attention_block_types": ["Temporal_Self", "Temporal_Self"],
    "temporal_position_encoding": True,
    "temporal_attention_dim_div": 1,
}


def _refuse_other_networks(options: Mapping[str, Any]) -> None:
    motion = options["motion_module_kwargs"]
    for wanted, given in ((_OFFICIAL, options), (_OFFICIAL_MOTION, motion)):
        for name, value in wanted.items():
            if given.get(name, value) != value:
                raise ValueError(f"the option {name} is {given[name]!r}; only {value!r} is built")
    mirrored = [name.replace("Down", "Up") for name in reversed(options["down_block_types"])]
    if options["up_block_types"] != mirrored:
        raise ValueError("the up blocks don't mirror the down blocks")
