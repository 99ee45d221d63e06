"""Dynamic convolution kernels: a talking face whose convolutions the voice writes [DCK = arXiv 2201.05986, IEEE TMM 25].

    Theta_d = h2(h1(A))            kernels of the middle layers from the audio window A      [DCK, Eq. 2]
    alpha, M = f(I; Theta, Theta_d)    attention mask [B, 1, S, S] and motion image [B, 3, S, S]
    I' = I (1 - alpha) + M alpha                                                             [DCK, Eq. 7]

I [B, 3, S, S] and M in [0, 1], RGB; A [B, FRAMES, 80] log-mel in [-4, 4] and known [B, FRAMES], 1 where the frame has been heard. f is a U-net of five
halvings, DYNAMIC 1x1 layers and five doublings; only the middle layers depend on the voice, so the network is as equivariant to translation as a
convolution is, and its encoder's output serves every sound.
Deviations, with reasons: h2 is low-rank (F -> rank -> C (C + 1)), because four plain layers would hold 135 M parameters; the middle layers have a residual
path, so that a kernel says what changes; the audio window is 300 ms with what lies beyond the look-ahead masked, so that one network serves every
look-ahead; h1 is smaller than Wav2Lip's and trained with the rest, because those weights may not be shipped.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.face.mel import FRAMES_A_SECOND, MELS

BEFORE, AFTER = 17, 7  # mel frames of the window before a video frame's own, and from it on
FRAMES = BEFORE + AFTER
DYNAMIC = 4
LOOK_AHEADS_MS = (0, 40, 100)
SLOPE = 0.1  # of the leaky ReLU; 1-Lipschitz, as Lemma 1 wants
QUALITIES = {"fast": 128, "fine": 256}


@dataclass(frozen=True)
class Config:
    """size: side of the crop; widths: channels at S, S/2, ... S/32; rank of the kernel generator; audio: width of h1; feature: of its output.

    dynamic False is the ablation "without DCK": the feature is tiled over the middle map and concatenated [DCK, VI-C].
    """

    size: int = 128
    widths: tuple[int, ...] = (16, 32, 48, 64, 96, 128)
    rank: int = 64
    audio: int = 32
    feature: int = 160
    dynamic: bool = True

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def heard(look_ahead_ms: float) -> int:
    """How many of the FRAMES are known at a look-ahead: a mel frame is known 25 ms after its centre."""
    return max(1, min(FRAMES, BEFORE + 1 + int((look_ahead_ms - 25) // (1000 / FRAMES_A_SECOND))))


def _conv(wide: int, out: int, stride: int | tuple[int, int] = 1) -> nn.Sequential:
    """Batch norm: it looks at no other pixel and melts into the convolution at run time."""
    conv = nn.Conv2d(wide, out, 3, stride, 1, bias=False)
    nn.init.kaiming_normal_(conv.weight, SLOPE)
    return nn.Sequential(conv, nn.BatchNorm2d(out), nn.LeakyReLU(SLOPE))


class AudioEncoder(nn.Module):
    """h1: log-mel and what is known of it -> feature [B, F]."""

    def __init__(self, width: int, feature: int) -> None:
        super().__init__()
        w = width
        self.body = nn.Sequential(_conv(2, w), _conv(w, w, (2, 1)), _conv(w, 2 * w, 2), _conv(2 * w, 2 * w), _conv(2 * w, 3 * w, 2), _conv(3 * w, 3 * w),
                                  _conv(3 * w, 4 * w, (2, 1)))
        self.out = nn.Linear(4 * w * (MELS // 16) * (FRAMES // 4), feature)

    def forward(self, A: Tensor, known: Tensor) -> Tensor:
        known = known[:, None, None, :].to(A.dtype)
        x = torch.cat([(A.transpose(1, 2)[:, None] / 4) * known, known.expand(-1, 1, MELS, -1)], 1)
        return F.leaky_relu(self.out(self.body(x).flatten(1)), SLOPE)


class KernelGenerator(nn.Module):
    """h2: feature [B, F] -> DYNAMIC kernels and biases [B, C, C + 1], through a bottleneck of `rank`."""

    def __init__(self, feature: int, rank: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.down = nn.ModuleList(nn.Linear(feature, rank) for _ in range(DYNAMIC))
        self.up = nn.ModuleList(nn.Linear(rank, channels * (channels + 1)) for _ in range(DYNAMIC))
        with torch.no_grad():  # at first an ordinary network: the bias is a static kernel, the voice moves it a little
            for layer in self.up:
                layer.weight.normal_(0, 0.3 / (rank * channels) ** 0.5)
                kernel = torch.randn(channels, channels + 1) / channels**0.5
                kernel[:, -1] = 0
                layer.bias.copy_(kernel.flatten())

    def forward(self, feature: Tensor) -> list[Tensor]:
        return [up(F.leaky_relu(down(feature), SLOPE)).unflatten(1, (self.channels, self.channels + 1))
                for down, up in zip(self.down, self.up, strict=True)]


def dynamic_conv(h: Tensor, kernel: Tensor) -> Tensor:
    """1x1 convolution of h [B, C, H, W], each with its own kernel and bias [B, C, C + 1]: one batched product instead of the paper's grouped convolution."""
    return torch.baddbmm(kernel[:, :, -1:], kernel[:, :, :-1], h.flatten(2)).unflatten(2, h.shape[2:])


class Dck(nn.Module):
    """The whole network. `forward(I, A, known)` -> I', alpha, M; `kernels` and `face` are its two halves, for two threads at run time."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        widths = config.widths
        if len(widths) != 6 or any(w % 8 for w in widths) or config.size % 32:
            raise ValueError("six widths, multiples of 8, and a size that is a multiple of 32")
        self.config, C = config, widths[-1]
        self.audio = AudioEncoder(config.audio, config.feature)
        self.stem = _conv(3, widths[0])
        self.down = nn.ModuleList(_conv(a, b, 2) for a, b in zip(widths[:-1], widths[1:], strict=True))
        if config.dynamic:
            self.generator = KernelGenerator(config.feature, config.rank, C)
        else:
            self.mix = nn.ModuleList(nn.Conv2d(C + (config.feature if k == 0 else 0), C, 1) for k in range(DYNAMIC))
        self.middle = nn.ModuleList(nn.BatchNorm2d(C) for _ in range(DYNAMIC))
        self.up = nn.ModuleList(_conv(a + b, b) for a, b in zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.alpha, self.motion = nn.Conv2d(widths[0], 1, 3, padding=1), nn.Conv2d(widths[0], 3, 3, padding=1)
        nn.init.constant_(self.alpha.bias, -1.0)

    def kernels(self, A: Tensor, known: Tensor) -> list[Tensor]:
        """The voice's half: DYNAMIC kernels [B, C, C + 1]; without DCK, the feature [B, F]."""
        return self.kernels_of(self.audio(A, known))

    def kernels_of(self, feature: Tensor) -> list[Tensor]:
        """The kernels of a feature [B, F] that h1 gave."""
        return self.generator(feature) if self.config.dynamic else [feature]

    def encode(self, image: Tensor) -> list[Tensor]:
        """The maps of a picture that no sound changes: of a still they are worked out once."""
        maps = [self.stem(image * 2 - 1)]
        for layer in self.down:
            maps.append(layer(maps[-1]))
        return maps

    def decode(self, maps: list[Tensor], kernels: list[Tensor]) -> tuple[Tensor, Tensor]:
        """alpha and M of a picture's maps under these kernels."""
        h = maps[-1]
        for k, norm in enumerate(self.middle):
            if self.config.dynamic:
                moved = dynamic_conv(norm(h), kernels[k].to(h.dtype))
            else:
                tiled = [kernels[0].to(h.dtype)[:, :, None, None].expand(-1, -1, *h.shape[2:])] if k == 0 else []
                moved = self.mix[k](torch.cat([norm(h), *tiled], 1))
            h = h + F.leaky_relu(moved, SLOPE)
        for layer, kept in zip(self.up, maps[-2::-1], strict=True):
            h = layer(torch.cat([F.interpolate(h, scale_factor=2.0, mode="nearest"), kept], 1))
        return torch.sigmoid(self.alpha(h).float()), torch.sigmoid(self.motion(h).float())  # bfloat16 has too few steps near white

    def face(self, image: Tensor, kernels: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """I', alpha and M."""
        alpha, M = self.decode(self.encode(image), kernels)
        return image * (1 - alpha) + M * alpha, alpha, M

    def forward(self, image: Tensor, A: Tensor, known: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.face(image, self.kernels(A, known))


def lipschitz_bound(first: list[Tensor], second: list[Tensor], size_of_x: float) -> float:
    """Theorem 1: how far two networks of n linear layers with 1-Lipschitz activations can be apart on x, by how far their kernels are.

    first, second: the layers' matrices. M^(n-1) |x| sum |k_i - k'_i|, with M the largest norm among all of them. [DCK, V]
    """
    largest = max(float(torch.linalg.matrix_norm(k, 2)) for k in [*first, *second])
    apart = sum(float(torch.linalg.matrix_norm(a - b, 2)) for a, b in zip(first, second, strict=True))
    return largest ** (len(first) - 1) * size_of_x * apart
