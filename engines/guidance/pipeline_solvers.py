"""Schedules that step as a diffusers pipeline does: its own scheduler configuration, its own grid of noise levels.

The network is always asked at a variance-preserving (or flow) x; where a scheduler keeps x / alpha (Euler, Heun) it is scaled
for the call and back. Guidance happens in eps; `from_eps` turns eps_hat into what the scheduler expects of this network.
"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.diffusion.samplers import After, Eps, Step
from engines.diffusion.schedules import Flow, Tabulated
from engines.diffusion.solver_names import FLOW_NAMES
from engines.guidance.recfg import from_eps
from engines.job import EngineError

WORDS = {"ddim": "DDIM", "euler": "Euler", "heun": "Heun", "dpm-1": "DPM-1", "dpm-2": "DPM-2", "dpmpp-2m": "DPM++ 2M", "deis": "DEIS"}


class _Driven:
    """`config` of the pipeline's scheduler, `prediction` of its network; a mixin for the two schedules below."""

    config: dict[str, Any]
    prediction: str

    def scheduler(self, name: str, steps: int) -> Any:
        """A fresh diffusers scheduler of that name with its timesteps set. EngineError where this kind of model has none."""
        raise NotImplementedError

    def drives(self, name: str) -> bool:
        """Whether that solver is diffusers' own."""
        return True

    def grid(self, name: str, steps: int) -> list[float]:
        """The timestep at the start of every step."""
        return [float(t) for t in _starts(name, self.scheduler(name, steps).timesteps)]

    def calls(self, name: str, steps: int) -> list[tuple[int, float]]:
        """(step, timestep) of every network call."""
        return [(n // 2 if name == "heun" else n, float(t)) for n, t in enumerate(self.scheduler(name, steps).timesteps)]

    def drive(self, name: str, eps: Eps, x: Tensor, steps: int, after: After) -> Iterator[Step]:
        """Runs the scheduler from standard normal x; yields each step with x as the network sees it."""
        scheduler = self.scheduler(name, steps)
        times = scheduler.timesteps
        scaled = hasattr(scheduler, "scale_model_input")
        starts = [float(t) for t in _starts(name, times)]
        x = x * scheduler.init_noise_sigma if scaled else x
        i, x0_first, e_first = 0, None, None
        for n, t in enumerate(times):
            x_in = scheduler.scale_model_input(x, t) if scaled else x
            at = float(t)
            alpha, sigma = self.alpha(at), self.sigma(at)
            e = eps(x_in, at)
            if x0_first is None:
                x0_first, e_first = ((x_in - sigma * e) / alpha).float(), e
            output = from_eps(self.prediction, e, x_in.to(e.dtype), alpha, sigma).to(x.dtype)
            x = scheduler.step(output, t, x, return_dict=False)[0]
            if name == "heun" and n < len(times) - 1 and n % 2 == 0:  # the correction is still to come
                continue
            following = starts[i + 1] if i + 1 < len(starts) else None
            seen = x
            if following is not None:
                seen = scheduler.scale_model_input(x, times[n + 1]) if scaled else x
                moved = after(i, following, seen)
                if moved is not seen:
                    x = x + (moved - seen) * _stretch(name, scheduler, scaled)
                    seen = moved
            yield Step(i, starts[i], following, seen, e_first, x0_first)
            i, x0_first = i + 1, None


def _starts(name: str, times: Tensor) -> Tensor:
    """Heun's schedulers list the time of the correction and then, once more, of the next step."""
    return torch.cat([times[:1], times[1::2]]) if name == "heun" else times


def _stretch(name: str, scheduler: Any, scaled: bool) -> float:
    """How much larger the scheduler's x is than the network's."""
    return float((scheduler.sigmas[scheduler.step_index].square() + 1).sqrt()) if scaled and name in ("euler", "heun") else 1.0


@dataclass(frozen=True)
class PipelineSchedule(_Driven, Tabulated):
    """A latent model's VP schedule with its solvers as diffusers has them.

    DPM-Solver-1 and -2 are ours here too: diffusers' DPMSolverSinglestepScheduler is DPM-Solver++, another method; made to be
    DPM-Solver ("dpmsolver", deprecated) it cannot end at sigma = 0, and on a grid even in lambda it cuts its timesteps to whole ones.
    """

    config: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    prediction: str = "eps"

    def drives(self, name: str) -> bool:
        return name not in ("dpm-1", "dpm-2")

    def scheduler(self, name: str, steps: int) -> Any:
        import diffusers

        kind, more = {"ddim": ("DDIMScheduler", {"clip_sample": False}), "euler": ("EulerDiscreteScheduler", {}),
                      "heun": ("HeunDiscreteScheduler", {"clip_sample": False}),
                      "dpmpp-2m": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "solver_order": 2, "variance_type": None}),
                      "deis": ("DEISMultistepScheduler", {"algorithm_type": "deis", "solver_type": "logrho", "solver_order": 2})}[name]
        if self.config.get("rescale_betas_zero_snr") and name in ("heun", "deis"):  # these do not know it
            more |= {"trained_betas": -np.expm1(2 * np.diff(self.log_alphas, prepend=0.0))}
        most = self.steps - 1 if name == "deis" else self.steps  # it would list a timestep twice, and divide by their distance
        return _timed(made(getattr(diffusers, kind), self.config, **more), name, min(steps, most))


@dataclass(frozen=True)
class FlowSchedule(_Driven, Flow):
    """A flow model's schedule: Euler and Heun exist for it."""

    config: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    prediction: str = "flow"
    tokens: int = 4096  # image tokens of one sample; schedulers with dynamic shifting look at it

    def scheduler(self, name: str, steps: int) -> Any:
        from diffusers import FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler

        if name not in FLOW_NAMES:
            raise EngineError(f"{WORDS[name]} does not exist for flow models.", remedy="Choose Euler or Heun.")
        if name == "heun":
            return _timed(made(FlowMatchHeunDiscreteScheduler, self.config), name, steps)
        scheduler = made(FlowMatchEulerDiscreteScheduler, self.config)
        more = {}
        if scheduler.config.get("use_dynamic_shifting"):
            from diffusers.pipelines.stable_diffusion_3.pipeline_stable_diffusion_3 import calculate_shift

            more["mu"] = calculate_shift(self.tokens, *(scheduler.config.get(key, standard) for key, standard in (
                ("base_image_seq_len", 256), ("max_image_seq_len", 4096), ("base_shift", 0.5), ("max_shift", 1.16))))
        return _timed(scheduler, name, steps, **more)


def made(kind: Any, config: dict[str, Any], **more: Any) -> Any:
    """A scheduler of that class from another one's configuration, thresholds off. EngineError where it takes it for wrong."""
    known = set(inspect.signature(kind.__init__).parameters)
    values = {key: value for key, value in config.items() if key in known and key != "thresholding"}
    try:
        return kind(**values | more)
    except (TypeError, ValueError, NotImplementedError, AttributeError, RuntimeError) as error:
        raise EngineError(f"The scheduler's configuration makes no {kind.__name__} ({error}).",
                          remedy="Choose another sampler, or repair scheduler_config.json.") from error


def _timed(scheduler: Any, name: str, steps: int, **more: Any) -> Any:
    """EngineError where the scheduler cannot take that many steps."""
    try:
        scheduler.set_timesteps(steps, **more)
    except (ValueError, IndexError) as error:
        raise EngineError(f"{WORDS[name]} cannot take {steps} steps with this model ({error}).", remedy="Take fewer steps, or another sampler.") from error
    return scheduler
