"""What the Guidance engine hands to a window or a file: numpy arrays and numbers, no torch."""

from dataclasses import dataclass, field

import numpy as np

from engines.guidance.curves import TUNED
from engines.guidance.request import Curve, GuidanceRequest, Sampling


@dataclass(frozen=True)
class ToyNumbers:
    """A toy's samples beside the truth. finite_t and limit are closed forms (mean, variance), toy-1d only.

    In 1-D `axes` is [x grid] and the densities are [G]; in 2-D `axes` is [x grid, y grid], densities [G, G] (y, x).
    """

    mean: np.ndarray
    true_mean: np.ndarray
    shift: float  # |E[x] - mu_c|
    variance: float  # mean over axes
    true_variance: float
    variance_ratio: float
    axes: tuple[np.ndarray, ...]
    true_density: np.ndarray
    sampled_density: np.ndarray
    finite_t: tuple[float, float] | None = None
    limit: tuple[float, float] | None = None


@dataclass(frozen=True)
class Against:
    """Samples beside what they should be distributed like; grey levels, or a toy's own units.

    mean and deviation are the class's: one number over all pixels, or one an axis of a toy. floor: the shift that as many
    real images would show by chance; ratio_error: how far their variance ratio would stray from 1.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    shift: float  # rms over pixels of the difference of the means
    variance_ratio: float | None  # None for a single image
    floor: float
    ratio_error: float
    source: str  # "6,000 real images"


@dataclass(frozen=True)
class Film:
    """The first n images of a run after each of its steps, uint8 [steps, n, H, W, C], and rho at the start of each step.

    predicted: the finished picture as the network then saw it (x0); noisy: x itself. Both end in the finished images.
    """

    predicted: np.ndarray
    noisy: np.ndarray
    levels: np.ndarray




@dataclass(frozen=True)
class Side:
    """One set of samples: images uint8 [N, H, W, C], or a toy's points float64 [N, D] and trajectories [steps + 1, n, D].

    per_step: arrays over network calls under "t", "rho" (sigma/alpha), "difference" (rms of eps_c - eps_u),
    "gamma_1", "gamma_0" (mean over pixels), "S"; and over steps of the predicted sample x0, in grey levels or a toy's units:
    "step_rho", "mean" (over pixels; [steps, D] of a toy), "deviation" (between samples, rms over pixels), "clipped" (share).
    """

    settings: Sampling
    images: np.ndarray | None = None
    points: np.ndarray | None = None
    trajectories: np.ndarray | None = None
    seconds: float = 0.0
    network_seconds: float = 0.0
    nfe: int = 0
    model_hash: str = ""
    table_hash: str = ""
    clipped: float = 0.0  # share of values outside [-1.05, 1.05] before they were clipped
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    per_step: dict[str, np.ndarray] = field(default_factory=dict)
    toy: ToyNumbers | None = None
    against: Against | None = None  # None where it is not known what the samples should be like; `unknown` says why
    unknown: str = ""
    rectified: Curve = ()  # mode "curve": r of the model's ReCFG table, its mean over pixels, over rho
    tuned_level: float = TUNED  # mode "curve": the noise level that the calibrated mode guides below
    film: Film | None = None
    ratios: tuple[float, ...] = ()  # tau / t of every network call in force, set by hand where the settings hold some; empty = plain
    filed: tuple[float, ...] = ()  # what the file of tuned timesteps has for these settings, in force or not
    untuned: str = ""  # tuned timesteps were asked for: why no file has them, and what there is instead


@dataclass(frozen=True)
class Outcome:
    """One or two sides. `draft`: four steps while a control is held; `unfinished`: a run still going on."""

    request: GuidanceRequest
    sides: tuple[Side, ...]
    draft: bool = False
    unfinished: bool = False
