"""What a talking face is trained to make small [DCK, IV-D], and what keeps its mask from vanishing.

    L = 10 L_rec + L_adv    the paper's; here with L_rec on the blend and on the motion image, a mask that is told where the mouth moved,
                            lips that are read, and weights on lip edges and closures.    L_adv = LSGAN, late
L1 on the blend alone lets alpha fall to nought: the network then copies its input.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.face.dck import SLOPE
from engines.face.lip_reader import LipReader, misread
from engines.face.mouth import CLOSE, ROUND, TUCK
from engines.face.pairs import Batch

ADVERSARIAL = 0.1  # 1 : 10 against reconstruction


@dataclass(frozen=True)
class Weights:
    """Of each part; mouth and edge are how much more a pixel counts where the mouth moved, and along the lips."""

    blend: float = 1.0
    motion: float = 0.5
    mask: float = 0.05
    hearing: float = 0.5
    lips: float = 1.0
    mouth: float = 5.0
    edge: float = 4.0


class Discriminator(nn.Module):
    """Patches of a crop, real or made: [B, 3, S, S] -> [B, 1, s, s]."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        widths = [3, width, 2 * width, 4 * width]
        layers: list[nn.Module] = []
        for a, b in zip(widths[:-1], widths[1:], strict=True):
            layers += [nn.utils.parametrizations.spectral_norm(nn.Conv2d(a, b, 4, 2, 1)), nn.LeakyReLU(2 * SLOPE)]
        self.body = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 3, 1, 1))

    def forward(self, picture: Tensor) -> Tensor:
        return self.body(picture * 2 - 1)


def reconstruction(shown: Tensor, alpha: Tensor, M: Tensor, batch: Batch, weights: Weights) -> dict[str, Tensor]:
    """Parts of the loss without reader and discriminator, each a mean over the batch. float32 in, logits are not needed: alpha is a probability."""
    pixel = (1 + weights.mouth * batch.changed + weights.edge * batch.edge) * batch.weight[:, None, None, None]
    pixel = pixel / pixel.mean()
    moved = pixel * batch.changed
    return {"blend": weights.blend * (pixel * (shown - batch.target).abs()).mean(),
            "motion": weights.motion * ((moved + 0.05) * (M - batch.target).abs()).mean(),
            "mask": weights.mask * F.binary_cross_entropy(alpha.clamp(1e-5, 1 - 1e-5), batch.changed)}


def read_lips(reader: LipReader, shown: Tensor, batch: Batch, weights: Weights) -> Tensor:
    """How far the lips that the reader sees are from the true ones. Its weights get no gradient of this."""
    frozen = {name: p.detach() for name, p in reader.named_parameters()}
    return weights.lips * (misread(torch.func.functional_call(reader, frozen, (shown,)), batch.lips) * batch.weight).mean()


def misheard(said: Tensor, mouth: Tensor) -> Tensor:
    """Mean square between the mouth [B, 8] that is heard and the true one; rounding, closure and the tucked lip count double, they are short or quiet."""
    weight = torch.ones(mouth.shape[1], device=mouth.device)
    weight[[ROUND, CLOSE, TUCK]] = 2
    return ((said - mouth).square() * weight).mean()


def fooled(judge: Discriminator, shown: Tensor) -> Tensor:
    """LSGAN, the generator's side."""
    return ADVERSARIAL * (judge(shown) - 1).square().mean()


def told_apart(judge: Discriminator, shown: Tensor, target: Tensor) -> Tensor:
    """LSGAN, the discriminator's side."""
    return (judge(target) - 1).square().mean() + judge(shown.detach()).square().mean()
