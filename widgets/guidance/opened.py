"""What a request becomes when a model, a table, a calibration or a diffusers folder is opened."""

import json
from dataclasses import replace
from pathlib import Path

from engines.guidance.pipeline_folder import read
from engines.guidance.request import GuidanceRequest, in_mode
from engines.job import EngineError
from engines.weights import read_header
from widgets.guidance import catalog


def with_weights(request: GuidanceRequest, path: Path) -> tuple[GuidanceRequest, str]:
    """The request with a weight file of Vernier's own in it (a model, a table or a calibration), and what the step is called."""
    meta = read_header(path)
    if "vernier-table" in meta:
        return replace(request, a=replace(request.a, table=str(path), **in_mode(request.a, "recfg"))), f"table {path.name}"
    if "vernier-calibration" in meta:
        return replace(request, a=replace(request.a, calibration=str(path), **in_mode(request.a, "calibrated"))), f"calibration {path.name}"
    if "vernier" in meta:
        changes = {"model": str(path), "table": "", "calibration": "", "tuning": "", "ratios": (), "label": 0, "label_2": None, "blend": 0.0}
        if catalog.is_toy(request.a):
            changes |= {"count": 16, "steps": 20}
        beside = path.with_suffix(".table.safetensors").exists()
        return replace(request, a=replace(request.a, **changes, **in_mode(request.a, "recfg" if beside else "cfg")), b=None), f"model {path.name}"
    raise EngineError(f"{path.name} is neither a Vernier model, a ReCFG table nor a calibration.",
                      remedy="Train one with vernier train guidance, build a table with vernier table, or calibrate it with vernier calibrate.")


def with_tuned(request: GuidanceRequest, path: Path) -> tuple[GuidanceRequest, str]:
    """The request with a file of tuned timesteps in it, and what the step is called; whether it fits the model the engine says. EngineError
    where the file is something else.
    """
    try:
        json.loads(path.read_text(encoding="utf-8"))["vernier-tuned"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise EngineError(f"{path.name} is not a file of tuned timesteps.", remedy="Vernier opens those that it tuned, named *.tuned.json.") from error
    return replace(request, a=replace(request.a, tuned=True, tuning=str(path), ratios=())), f"tuned timesteps {path.name}"


def with_pipeline(request: GuidanceRequest, path: Path) -> tuple[GuidanceRequest, str, tuple[str, str, str]]:
    """The request with a diffusers folder in it, what the step is called, and what to tell of its size. EngineError where it will not do."""
    import psutil

    folder = read(path)
    changed = replace(request, a=replace(request.a, model=str(path), tuning="", ratios=(), **catalog.fitted(folder, request.a)), b=None)
    need, free = max(0.1, 2 * folder.parameters / 1e9), psutil.virtual_memory().available / 1e9
    notice = ("info", f"{catalog.model_word(str(path))}: {catalog.FAMILIES[folder.family]}, {_million(folder.parameters)} parameters.",
              f"It needs about {need:.1f} GB at 16 bits; {free:.1f} GB are free.")
    return changed, f"model {path.name}", notice


def _million(count: int) -> str:
    return f"{count / 1e9:.1f} billion" if count >= 1e9 else f"{count / 1e6:.1f} million" if count >= 1e6 else f"{count:,}"
