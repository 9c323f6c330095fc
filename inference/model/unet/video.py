"""What works on each frame of a window by itself, and on the window as one."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def fold(x: Tensor) -> Tensor:
    """(b, c, f, h, w) -> (b f, c, h, w)."""
    return x.transpose(1, 2).flatten(0, 1)


def unfold(x: Tensor, frames: int) -> Tensor:
    """(b f, c, h, w) -> (b, c, f, h, w)."""
    return x.reshape(-1, frames, *x.shape[1:]).transpose(1, 2)


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
