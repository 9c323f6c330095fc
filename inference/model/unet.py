"""LatentSync's video UNet: predicts the noise in a window of latent frames, given what is heard.

Read it from the top down: each class uses only those above it. Key names and shapes are those of
the official checkpoint. Written from the specification of LatentSync (Apache-2.0), which carries
Stable Diffusion 1.5's UNet to video with temporal modules in the manner of AnimateDiff.

Axes: b batch, c channels, f frames, h and w latent height and width. Between the blocks a tensor is
(b, c, f, h, w); what works on single pictures folds the frames into the batch, `(b f) c h w`.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LATENT_CHANNELS = 4
WINDOW_FRAMES = 16  # what it was trained on, and what it is shown at a time
MASK_CHANNELS = 1
MOTION_GROUPS = 32
TRANSFORMER_NORM_EPS = 1e-6
TIME_WIDENING = 4
FEED_FORWARD_WIDENING = 4


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


class Heard(NamedTuple):
    """What a pass hears.

    audio: (k f, tokens, audio_width), for the last k items; the others, or all without any, hear
    silence. beside_silence: each item stands for two, one that hears its audio and one that hears
    nothing. They are the same until they first hear, and are computed once until then.
    """

    audio: Tensor | None
    beside_silence: bool = False


def fold(x: Tensor) -> Tensor:
    """(b, c, f, h, w) -> (b f, c, h, w)."""
    return x.transpose(1, 2).flatten(0, 1)


def unfold(x: Tensor, frames: int) -> Tensor:
    """(b f, c, h, w) -> (b, c, f, h, w)."""
    return x.reshape(-1, frames, *x.shape[1:]).transpose(1, 2)


def time_sinusoid(timestep: Tensor, width: int) -> Tensor:
    """(b,) -> (b, width) in fp32, cosines first."""
    half = width // 2
    exponents = torch.arange(half, dtype=torch.float32, device=timestep.device) / half
    angles = timestep[:, None].float() * torch.exp(-math.log(10_000.0) * exponents)
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def frame_table(rows: int, width: int) -> Tensor:
    """Sines at even channels, cosines at odd ones: (1, rows, width)."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = torch.arange(rows)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[None]


class TimeEmbedding(nn.Module):
    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.width = config.widths[0]
        self.linear_1 = nn.Linear(self.width, config.time_width)
        self.linear_2 = nn.Linear(config.time_width, config.time_width)

    def forward(self, timestep: Tensor) -> Tensor:
        """(b,) -> (b, time_width)."""
        wave = time_sinusoid(timestep, self.width).to(self.linear_1.weight.dtype)
        embedding: Tensor = self.linear_2(F.silu(self.linear_1(wave)))
        return embedding


class Attention(nn.Module):
    """Heads share the width; no biases but the output's."""

    def __init__(self, width: int, heads: int, context_width: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context_width or width, width, bias=False)
        self.to_v = nn.Linear(context_width or width, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """x: (n, tokens, width); context: (n, tokens', context width), x itself without one."""
        context = x if context is None else context
        q, k, v = (
            projected.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projected in (self.to_q(x), self.to_k(context), self.to_v(context))
        )
        mixed = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.to_out[0](mixed.transpose(1, 2).flatten(2))
        return out

    def of_silence(self) -> Tensor:
        """What a context of zeros gives at every token: zero values leave the output's bias."""
        return self.to_out[0].get_parameter("bias")


class GatedLinear(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 2 * inner)

    def forward(self, x: Tensor) -> Tensor:
        projected: Tensor = self.proj(x)
        value, gate = projected.chunk(2, dim=-1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        inner = FEED_FORWARD_WIDENING * width
        # The middle one is the dropout of the original, at 0: it keeps the official numbering.
        self.net = nn.Sequential(GatedLinear(width, inner), nn.Identity(), nn.Linear(inner, width))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x)
        return out


class VideoGroupNorm(nn.GroupNorm):
    """GroupNorm whose statistics pool over all frames of the window, as the resnets want it."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (b, c, f, h, w), kept in shape and in the order of its memory."""
        normed = F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)
        if x.is_contiguous(memory_format=torch.channels_last_3d):
            # CUDA's kernel gives plain order back; one copy here spares each convolution its own.
            return normed.contiguous(memory_format=torch.channels_last_3d)
        return normed


class VideoConv(nn.Conv2d):
    """A convolution of each frame by itself: (b, c, f, h, w) in and out."""

    def forward(self, x: Tensor) -> Tensor:
        return unfold(super().forward(fold(x)), x.shape[2])


class Resnet(nn.Module):
    def __init__(self, width_in: int, width: int, config: UNetConfig) -> None:
        super().__init__()
        self.norm1 = VideoGroupNorm(config.groups, width_in, config.norm_eps)
        self.conv1 = VideoConv(width_in, width, 3, padding=1)
        self.time_emb_proj = nn.Linear(config.time_width, width)
        self.norm2 = VideoGroupNorm(config.groups, width, config.norm_eps)
        self.conv2 = VideoConv(width, width, 3, padding=1)
        if width_in != width:
            self.conv_shortcut = VideoConv(width_in, width, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """x: (b, width_in, f, h, w); time: (b, time_width) -> (b, width, f, h, w)."""
        inner = self.conv1(F.silu(self.norm1(x)))
        inner = inner + self.time_emb_proj(F.silu(time))[:, :, None, None, None]
        inner = self.conv2(F.silu(self.norm2(inner)))
        shortcut = self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x
        out: Tensor = shortcut + inner
        return out


class SpatialBlock(nn.Module):
    """Pixels of one frame look at each other, then at what that frame hears."""

    def __init__(self, width: int, config: UNetConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn1 = Attention(width, config.heads)
        self.norm2 = nn.LayerNorm(width)
        self.attn2 = Attention(width, config.heads, config.audio_width)
        self.norm3 = nn.LayerNorm(width)
        self.ff = FeedForward(width)

    def forward(self, x: Tensor, heard: Heard) -> Tensor:
        """x: (b f, pixels, width), (2 b f, pixels, width) once the items part."""
        x = self.hear(x + self.attn1(self.norm1(x)), heard)
        out: Tensor = x + self.ff(self.norm3(x))
        return out

    def hear(self, x: Tensor, heard: Heard) -> Tensor:
        silence = self.attn2.of_silence().to(x.dtype)
        if heard.audio is None:
            return x + silence
        split = len(x) - len(heard.audio)
        voiced = x[split:]
        silent = x if heard.beside_silence and not split else x[:split]
        voiced = voiced + self.attn2(self.norm2(voiced), heard.audio)
        return torch.cat([silent + silence, voiced]) if len(silent) else voiced


class SpatialTransformer(nn.Module):
    def __init__(self, width: int, config: UNetConfig) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(config.groups, width, TRANSFORMER_NORM_EPS)
        self.proj_in = nn.Conv2d(width, width, 1)
        self.transformer_blocks = nn.ModuleList([SpatialBlock(width, config)])
        self.proj_out = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor, heard: Heard) -> Tensor:
        """x: (b, c, f, h, w), kept in shape but for items that part here."""
        pictures = fold(x)
        tokens = self.proj_in(self.norm(pictures)).flatten(2).transpose(1, 2)
        for block in self.transformer_blocks:
            tokens = block(tokens, heard)
        inner = tokens.transpose(1, 2).unflatten(2, pictures.shape[2:])
        return x + unfold(self.proj_out(inner), x.shape[2])


class FramePositions(nn.Module):
    """A stored table, part of the official state dict."""

    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.pe: Tensor
        self.register_buffer("pe", frame_table(rows, width))

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, f, width), kept in shape."""
        return x + self.pe[:, : x.shape[1]].to(x.dtype)


class FrameAttention(Attention):
    """The same pixel of all frames of the window, told apart by their places in it."""

    def __init__(self, width: int, config: UNetConfig) -> None:
        super().__init__(width, config.motion_heads)
        self.pos_encoder = FramePositions(config.position_rows, width)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return super().forward(self.pos_encoder(x), context)


class TemporalBlock(nn.Module):
    def __init__(self, width: int, config: UNetConfig) -> None:
        super().__init__()
        self.attention_blocks = nn.ModuleList(FrameAttention(width, config) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.ff = FeedForward(width)
        self.ff_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """x: (b pixels, f, width), kept in shape."""
        for norm, attention in zip(self.norms, self.attention_blocks, strict=True):
            x = x + attention(norm(x))
        out: Tensor = x + self.ff(self.ff_norm(x))
        return out


class TemporalTransformer(nn.Module):
    def __init__(self, width: int, config: UNetConfig) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(MOTION_GROUPS, width, TRANSFORMER_NORM_EPS)
        self.proj_in = nn.Linear(width, width)
        self.transformer_blocks = nn.ModuleList([TemporalBlock(width, config)])
        self.proj_out = nn.Linear(width, width)
        # A motion module that was never trained changes nothing.
        nn.init.zeros_(self.proj_out.weight)
        nn.init.zeros_(self.proj_out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x: (b, c, f, h, w), kept in shape."""
        batch, _, frames, height, width = x.shape
        normed = self.norm(fold(x)).unflatten(0, (batch, frames))
        tokens = self.proj_in(normed.permute(0, 3, 4, 1, 2).flatten(0, 2))
        for block in self.transformer_blocks:
            tokens = block(tokens)
        inner: Tensor = self.proj_out(tokens).unflatten(0, (batch, height, width))
        return x + inner.permute(0, 4, 3, 1, 2)


class MotionModule(nn.Module):
    def __init__(self, width: int, config: UNetConfig) -> None:
        super().__init__()
        self.temporal_transformer = TemporalTransformer(width, config)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.temporal_transformer(x)
        return out


class Level(nn.Module):
    """The layers of one down or up block: resnet, then pixels and sound, then frames.

    widths_in: what each layer's resnet takes; an up block's layers take a skip beside their input.
    """

    def __init__(self, level: int, widths_in: list[int], config: UNetConfig) -> None:
        super().__init__()
        width = config.widths[level]
        self.resnets = nn.ModuleList(Resnet(w, width, config) for w in widths_in)
        if config.attention_levels[level]:
            self.attentions = nn.ModuleList(SpatialTransformer(width, config) for _ in widths_in)
        if config.motion_levels[level]:
            self.motion_modules = nn.ModuleList(MotionModule(width, config) for _ in widths_in)

    def layer(self, i: int, x: Tensor, time: Tensor, heard: Heard, *, motion: bool) -> Tensor:
        x = self.resnets[i](x, time)
        if hasattr(self, "attentions"):
            x = self.attentions[i](x, heard)
        if motion and hasattr(self, "motion_modules"):
            x = self.motion_modules[i](x)
        return x


class Downsample(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = VideoConv(width, width, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


class Upsample(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = VideoConv(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Twice as high and wide; the frames stay as many."""
        out: Tensor = self.conv(F.interpolate(x, scale_factor=(1.0, 2.0, 2.0), mode="nearest"))
        return out


class DownBlock(Level):
    def __init__(self, level: int, config: UNetConfig) -> None:
        width = config.widths[level]
        width_in = config.widths[max(level - 1, 0)]
        super().__init__(level, [width_in] + [width] * (config.layers_per_block - 1), config)
        if level < len(config.widths) - 1:
            self.downsamplers = nn.ModuleList([Downsample(width)])

    def forward(self, x: Tensor, time: Tensor, heard: Heard, *, motion: bool) -> list[Tensor]:
        """Every layer's output and the downsampler's, in order; the last one goes on."""
        outputs = []
        for i in range(len(self.resnets)):
            x = self.layer(i, x, time, heard, motion=motion)
            outputs.append(x)
        if hasattr(self, "downsamplers"):
            outputs.append(self.downsamplers[0](x))
        return outputs


class MidBlock(nn.Module):
    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        width = config.widths[-1]
        self.attentions = nn.ModuleList([SpatialTransformer(width, config)])
        self.resnets = nn.ModuleList(Resnet(width, width, config) for _ in range(2))

    def forward(self, x: Tensor, time: Tensor, heard: Heard) -> Tensor:
        x = self.attentions[0](self.resnets[0](x, time), heard)
        out: Tensor = self.resnets[1](x, time)
        return out


class UpBlock(Level):
    def __init__(self, level: int, skips: list[int], config: UNetConfig) -> None:
        """skips: widths of what the down blocks left for this level's layers, in order of use."""
        width = config.widths[level]
        width_in = config.widths[min(level + 1, len(config.widths) - 1)]
        running = [width_in] + [width] * (len(skips) - 1)
        super().__init__(level, [r + s for r, s in zip(running, skips, strict=True)], config)
        if level > 0:
            self.upsamplers = nn.ModuleList([Upsample(width)])

    def forward(
        self, x: Tensor, skips: list[Tensor], time: Tensor, heard: Heard, *, motion: bool
    ) -> Tensor:
        """Takes its layers' skips from the end of the list; stops where they do."""
        for i in range(min(len(self.resnets), len(skips))):
            x = self.join(i, x, skips.pop(), time, heard, motion=motion)
        if hasattr(self, "upsamplers"):
            x = self.upsamplers[0](x)
        return x

    def join(
        self, i: int, x: Tensor, skip: Tensor, time: Tensor, heard: Heard, *, motion: bool
    ) -> Tensor:
        """One layer. A skip from before the items parted serves both."""
        skip = skip.expand(len(x), -1, -1, -1, -1)
        return self.layer(i, torch.cat([x, skip], dim=1), time, heard, motion=motion)


def skip_widths(config: UNetConfig) -> list[int]:
    """Widths of conv_in's output, every down layer's and every downsampler's, in that order."""
    widths = [config.widths[0]]
    for level, width in enumerate(config.widths):
        down = level < len(config.widths) - 1
        widths += [width] * (config.layers_per_block + down)
    return widths


class VideoUNet(nn.Module):
    """Noise in a window of latent frames. `motion = False` switches all motion modules off."""

    def __init__(self, config: UNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or UNetConfig()
        self.motion = True
        self.conv_in = VideoConv(config.in_channels, config.widths[0], 3, padding=1)
        self.time_embedding = TimeEmbedding(config)
        levels = range(len(config.widths))
        self.down_blocks = nn.ModuleList(DownBlock(level, config) for level in levels)
        self.mid_block = MidBlock(config)
        skips = skip_widths(config)
        layers = config.layers_per_block + 1
        self.up_blocks = nn.ModuleList(
            UpBlock(level, [skips.pop() for _ in range(layers)], config)
            for level in reversed(levels)
        )
        self.conv_norm_out = VideoGroupNorm(config.groups, config.widths[0], config.norm_eps)
        self.conv_out = VideoConv(config.widths[0], config.out_channels, 3, padding=1)

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor | int,
        audio: Tensor | None,
        *,
        beside_silence: bool = False,
    ) -> Tensor:
        """Predict the noise.

        sample: (b, in_channels, f, h, w), at most position_rows frames; channels are 4 noisy
        latents, 1 mask (1 keep, 0 repaint), 4 masked-picture latents, 4 reference latents.
        timestep: (b,) or one for all. audio: (k f, tokens, audio_width), what each frame of the
        *last* k items hears; the first b - k, or all without any, hear silence, whose attention is
        a constant and isn't computed. -> (b, out_channels, f, h, w).

        beside_silence: one item and its audio -> two, what it is in silence and what with sound.
        """
        heard = Heard(audio, beside_silence)
        return self.deep_and_out(sample, timestep, heard)[1]

    def deep_and_out(
        self, sample: Tensor, timestep: Tensor | int, heard: Heard
    ) -> tuple[Tensor, Tensor]:
        """The noise, and beside it what the last layer took from the layers below."""
        time = self._time(sample, timestep)
        shallow = self.conv_in(sample)
        deep = self._deep(shallow, time, heard)
        return deep, self._out(deep, shallow, time, heard)

    def out_of_deep(
        self, sample: Tensor, timestep: Tensor | int, heard: Heard, deep: Tensor
    ) -> Tensor:
        """The noise from an earlier step's `deep`: the last layer alone is computed anew.

        Source: DeepCache (Ma, Fang, Wang; CVPR 2024), at its shallowest skip.
        """
        time = self._time(sample, timestep)
        return self._out(deep, self.conv_in(sample), time, heard)

    def _time(self, sample: Tensor, timestep: Tensor | int) -> Tensor:
        steps = torch.as_tensor(timestep, device=sample.device).expand(len(sample))
        embedding: Tensor = self.time_embedding(steps)
        return embedding

    def _deep(self, shallow: Tensor, time: Tensor, heard: Heard) -> Tensor:
        skips = [shallow]
        for block in self.down_blocks:
            skips += block(skips[-1], time, heard, motion=self.motion)
        x: Tensor = self.mid_block(skips[-1], time, heard)
        # The shallowest skip stays for the last layer.
        below = skips[1:]
        for block in self.up_blocks:
            x = block(x, below, time, heard, motion=self.motion)
        return x

    def _out(self, deep: Tensor, shallow: Tensor, time: Tensor, heard: Heard) -> Tensor:
        last = self.up_blocks[-1]
        assert isinstance(last, UpBlock)
        x = last.join(len(last.resnets) - 1, deep, shallow, time, heard, motion=self.motion)
        out: Tensor = self.conv_out(F.silu(self.conv_norm_out(x)))
        return out
