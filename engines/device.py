"""Where the numbers are worked out: device, precision, threads, memory."""

from typing import Any

import torch

from engines.job import EngineError


def pick(name: str = "auto") -> torch.device:
    """The device for "auto", "cpu" or "cuda". EngineError when it is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name not in ("cpu", "cuda"):
        raise EngineError(f"There is no device named {name!r}.", remedy="Use auto, cpu or cuda.")
    if name == "cuda" and not torch.cuda.is_available():
        raise EngineError("This machine has no usable NVIDIA GPU.", remedy="Choose auto or cpu, or run ./vernier --cuda setup where there is one.")
    return torch.device(name)


def precision(device: torch.device) -> torch.dtype:
    """bfloat16 on every GPU in use and on processors with its instructions; without them it is slower than float32."""
    fast = device.type == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if fast else torch.float32


def describe(device: torch.device | None = None) -> dict[str, Any]:
    """What `vernier check` and the status bar say of the machine. Memory in GiB."""
    import psutil

    device = device or pick()
    memory = psutil.virtual_memory()
    about = {"device": device.type, "precision": str(precision(device)).removeprefix("torch."), "threads": torch.get_num_threads(),
             "memory_gib": round(memory.total / 2**30, 1), "memory_free_gib": round(memory.available / 2**30, 1)}
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        about |= {"gpu": torch.cuda.get_device_name(device), "gpu_memory_gib": round(total / 2**30, 1),
                  "gpu_memory_free_gib": round(free / 2**30, 1)}
    return about


def spoken(name: str = "auto") -> str:
    """One line for the status bar: "CPU 2 threads bf16"."""
    device = pick(name)
    short = {"bfloat16": "bf16", "float32": "fp32"}[str(precision(device)).removeprefix("torch.")]
    threads = torch.get_num_threads()
    return f"{torch.cuda.get_device_name(device)}  {short}" if device.type == "cuda" else f"CPU {threads} thread{'s' if threads > 1 else ''}  {short}"
