"""HTNet: a hierarchical transformer over the flow around eyes and lips, from onset to apex.

From the source's text and public code: flow from onset to apex as a 28 x 28 picture of u, v and strain; cut to
14 x 14 around both eyes and both corners of the mouth, put together to 28 x 28 again; patches of 7 x 7; three
levels of width 256, 512 and 1024 with 3, 6 and 12 heads and 2, 2 and 10 blocks (the public script has 8 at the
last level); feed-forward layers four times as wide; convolution 3 x 3 and max-pooling between levels; the mean
of the normalised last level under a linear layer. As in the public code a block of attention covers one patch
at each level (28 / 7 = 4 = 2 to the power of 3 - 1), so it mixes nothing over space, its queries and keys get no
gradient, and what mixes are the convolutions between the levels.
Assumed: the flow is DIS with the head's motion removed (`mer.preprocess.encode_flow`; the source uses TV-L1),
averaged to 30 x 30 and cut to 28 x 28; the places of eyes and lips are fixed on the aligned crop, because clips
carry no landmarks; u, v and strain in units of `mer.models.normalise`, not stretched to each picture's range.

139,585,032 parameters for five classes.

Reference: Wang, Zhang, Luo, Zhou, Gan, Sun, "HTNet for micro-expression recognition", Neurocomputing 602, 2024.
"""

from typing import Final

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from mer.models.normalise import FlowInput
from mer.sampling import APEX

PATCH: Final = 7
WIDTHS: Final = (256, 512, 1024)
HEADS: Final = (3, 6, 12)
REPEATS: Final = (2, 2, 10)
SIDE: Final = 28
REGION: Final = 14
CORNERS_YX: Final = ((0, 1), (13, 2), (0, 13), (13, 12))
"""Upper left corners of the regions around left eye, left lips, right eye and right lips (left in the picture)
on its 28 x 28. The eyes of an aligned crop lie 28 % down, half their distance of 1 / 2.6 of the side beside
the middle (`mer.face.geometry`); the corners of the lips about 1.1 of that distance below, 0.4 beside."""


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of (N, C, H, W)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the maps, each place with mean 0 and variance 1 over its channels, then scaled."""
        normed: Tensor = self.norm(maps.movedim(1, -1)).movedim(-1, 1)
        return normed


class Attention(nn.Module):
    """Multi-head self-attention over the places of (N, C, H, W)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        inner = width // heads * heads
        self.qkv = nn.Conv2d(width, 3 * inner, 1, bias=False)
        self.out = nn.Conv2d(inner, width, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """Return attended maps of the same shape."""
        split = torch.unflatten(self.qkv(maps).flatten(2), 1, (3, self.heads, -1))  # (N, 3, heads, d, H * W)
        q, k, v = split.transpose(-2, -1).unbind(1)  # (N, heads, H * W, d)
        mixed = functional.scaled_dot_product_attention(q, k, v).transpose(-2, -1)  # (N, heads, d, H * W)
        attended: Tensor = self.out(torch.unflatten(mixed.flatten(1, 2), 2, maps.shape[2:]))
        return attended


class Block(nn.Module):
    """Attention, then two dense layers at each place, both beside a shortcut."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(ChannelNorm(width), Attention(width, heads))
        self.dense = nn.Sequential(
            ChannelNorm(width), nn.Conv2d(width, 4 * width, 1), nn.GELU(), nn.Conv2d(4 * width, width, 1)
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps of the same shape."""
        attended = maps + self.attention(maps)
        mixed: Tensor = attended + self.dense(attended)
        return mixed


class Level(nn.Module):
    """Some blocks over tiles of one patch, with a learnt number that marks the place within the tile."""

    def __init__(self, width: int, heads: int, repeats: int, tiles: int) -> None:
        super().__init__()
        self.tiles = tiles
        self.position = nn.Parameter(torch.randn(1))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(repeats)))

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps of the same shape, (N, width, tiles, tiles)."""
        apart = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1], 1, 1)  # (N * tiles * tiles, width, 1, 1)
        together: Tensor = self.blocks(apart + self.position)
        return together.reshape(-1, self.tiles, self.tiles, maps.shape[1]).permute(0, 3, 1, 2)


class Htnet(nn.Module):
    """Three levels over 4 x 4, 2 x 2 and 1 x 1 patches."""

    clips_at_once = 32
    quicker_in_bfloat16 = True

    def __init__(self, *, n_classes: int) -> None:
        super().__init__()
        self.normalise = FlowInput()
        self.embed = nn.Conv2d(3, WIDTHS[0], PATCH, stride=PATCH)
        levels: list[nn.Module] = []
        for i, (width, heads, repeats) in enumerate(zip(WIDTHS, HEADS, REPEATS)):
            levels.append(Level(width, heads, repeats, tiles=SIDE // PATCH // 2**i))
            if width != WIDTHS[-1]:
                levels.append(_join(width, WIDTHS[i + 1]))
        self.levels = nn.Sequential(*levels)
        self.norm = ChannelNorm(WIDTHS[-1])
        self.classifier = nn.Linear(WIDTHS[-1], n_classes)

    def forward(self, clips: Tensor) -> Tensor:
        """Return (N, n_classes) logits of (N, 13, 90, 90, 3) encoded flow, of which the apex counts."""
        tokens = self.embed(parts(self.normalise(clips)[:, APEX]))  # (N, 256, 4, 4)
        last = self.norm(self.levels(tokens)).mean((2, 3))  # (N, 1024)
        logits: Tensor = self.classifier(last)
        return logits


def parts(flow: Tensor) -> Tensor:
    """Return (N, 3, 28, 28): eyes and lips cut out of (N, 3, 90, 90) flow, left above right, eye beside lips."""
    small = functional.avg_pool2d(flow, 3)[:, :, 1 : 1 + SIDE, 1 : 1 + SIDE]  # 30 x 30, its margin cut off
    left_eye, left_lips, right_eye, right_lips = (small[:, :, y : y + REGION, x : x + REGION] for y, x in CORNERS_YX)
    rows = (torch.cat([left_eye, left_lips], 3), torch.cat([right_eye, right_lips], 3))
    return torch.cat(rows, 2)


def _join(width: int, next_width: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(width, next_width, 3, padding=1), ChannelNorm(next_width), nn.MaxPool2d(3, stride=2, padding=1)
    )
