"""The UNet of its levels: down, middle, up."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inference.model.unet.config import UNetConfig
from inference.model.unet.motion import MotionModule
from inference.model.unet.resnet import Resnet, TimeEmbedding
from inference.model.unet.space import Heard, SpatialTransformer
from inference.model.unet.video import Downsample, Upsample, VideoConv, VideoGroupNorm


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
