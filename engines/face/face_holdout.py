"""The early look: the network on identities and voices that no training sees, measured by a reader of lips that is in no loss."""

import numpy as np
import torch
from torch import Tensor, nn

from engines.face.articulation import CLOSED, MID, OPEN, REST, SPREADS
from engines.face.corpus import Speech
from engines.face.dck import AFTER, BEFORE, FRAMES, Dck, heard
from engines.face.lip_reader import LipReader, opening_and_width
from engines.face.mouth import MOUTH
from engines.face.pairs import Store, listened

LOOK_AHEAD_MS = 40
HEARD_FRAMES, MARGIN = 1000, 0.06
SHUT = 0.35  # of a clip's median opening: below it the lips count as closed


@torch.no_grad()
def spoken(net: nn.Module, store: Store, speech: Speech, head: int, source: int = 0) -> tuple[Tensor, Tensor]:
    """Pictures [K, 3, S, S] of a held-out head that speaks, all from its frame `source`, and the true ones."""
    rows = store.rows[head]
    talking = rows[store.frame[rows] >= 0]
    pixels = store.pixels[torch.from_numpy(rows).to(store.pixels.device), :3].float() / 255
    image = pixels[source:source + 1].expand(len(talking), -1, -1, -1)
    A = torch.from_numpy(listened(speech, store.frame[talking])).to(pixels.device)
    known = (torch.arange(FRAMES, device=pixels.device) < heard(LOOK_AHEAD_MS)).float().expand(len(talking), -1)
    return net(image, A, known)[0], pixels[len(rows) - len(talking):]


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's, 0 where one of them does not vary."""
    spread = a.std() * b.std()
    return float(((a - a.mean()) * (b - b.mean())).mean() / spread) if spread > 1e-9 else 0.0


@torch.no_grad()
def measure(net: Dck, judge: LipReader, store: Store, speech: Speech) -> dict[str, float]:
    """Correlations of opening and width with the truth (about each clip's mean), balanced closure accuracy, PSNR in dB around the mouth and
    that of the copied input, how well the judge reads true pictures, and the score that is made small."""
    was = net.training
    net.eval()
    made, true, read_true, errors, copied = [], [], [], [], []
    hits, misses = [], []
    for head, rows in enumerate(store.rows):
        talking = rows[store.frame[rows] >= 0]
        kinds, truth = store.kind[talking], opening_and_width(store.lips[torch.from_numpy(talking).to(store.lips.device)]).cpu().numpy()
        rest = float(opening_and_width(store.lips[int(rows[0])])[0])
        box = mouth_box(store.lips[torch.from_numpy(rows).to(store.lips.device)], store.size)
        for source in (0, len(rows) // 2):
            shown, target = spoken(net, store, speech, head, source)
            seen = opening_and_width(judge(shown)).float().cpu().numpy()
            made.append(seen - seen.mean(0))
            true.append(truth - truth.mean(0))
            image = store.pixels[int(rows[source]), :3].float() / 255
            errors.append((shown - target)[..., *box].square().mean((1, 2, 3)).cpu())
            copied.append((image - target)[..., *box].square().mean((1, 2, 3)).cpu())
            loud = kinds != REST
            if loud.any():
                shut = seen[:, 0] < rest + SHUT * max(float(np.median(seen[loud, 0])) - rest, 0)
                hits.append(shut[kinds == CLOSED])
                misses.append(~shut[np.isin(kinds, (OPEN, MID, SPREADS)) & (truth[:, 0] > np.median(truth[loud, 0]))])
            if source == 0:
                own = opening_and_width(judge(target)).float().cpu().numpy()
                read_true.append((own - own.mean(0), truth - truth.mean(0)))
    net.train(was)
    made, true = np.concatenate(made), np.concatenate(true)
    own, exact = (np.concatenate(part) for part in zip(*read_true, strict=True))
    found = {"opening_r": correlation(made[:, 0], true[:, 0]), "width_r": correlation(made[:, 1], true[:, 1]),
             "opening_gain": float((made[:, 0] * true[:, 0]).sum() / max((true[:, 0] ** 2).sum(), 1e-9)),
             "closure": _balanced(hits, misses), "psnr": _psnr(errors), "psnr_copied": _psnr(copied),
             "judge_opening_r": correlation(own[:, 0], exact[:, 0]), "judge_width_r": correlation(own[:, 1], exact[:, 1])}
    found["score"] = 1 - (found["opening_r"] + found["width_r"] + found["closure"]) / 3 - 0.01 * (found["psnr"] - found["psnr_copied"])
    return {name: round(value, 4) for name, value in found.items()}


def mouth_box(lips: Tensor, size: int) -> tuple[slice, slice]:
    """Rows and columns of a picture that hold the lips [K, 20, 2] of all frames, with a margin of 6 % of the side."""
    low, high = lips.amin((0, 1)) - MARGIN, lips.amax((0, 1)) + MARGIN
    (left, top), (right, bottom) = ((edge * size).round().int().clamp(0, size).tolist() for edge in (low, high))
    return slice(top, bottom), slice(left, right)


@torch.no_grad()
def heard_right(net: Dck, ears: nn.Linear, speech: Speech, device: torch.device) -> dict[str, float]:
    """Correlation of each number of a mouth, as the audio encoder hears it, with the truth, on voices that no training hears."""
    frames = speech.frames(True, BEFORE, AFTER)
    frames = frames[:: max(1, len(frames) // HEARD_FRAMES)]
    known = (torch.arange(FRAMES, device=device) < heard(LOOK_AHEAD_MS)).float().expand(len(frames), -1)
    said = ears(net.audio(torch.from_numpy(listened(speech, frames)).to(device), known)).float().cpu().numpy()
    return {f"hears_{name}": round(correlation(said[:, k], speech.mouth[frames, k] / 255), 3) for k, name in enumerate(MOUTH)}


def _balanced(hits: list[np.ndarray], misses: list[np.ndarray]) -> float:
    """Mean of the share of closures that close and of open sounds that do not; 0.5 is chance."""
    shares = [float(np.concatenate(part).mean()) if part and sum(map(len, part)) else 0.5 for part in (hits, misses)]
    return sum(shares) / 2


def _psnr(errors: list[Tensor]) -> float:
    return float(-10 * torch.log10(torch.cat(errors).clamp(min=1e-9)).mean())
