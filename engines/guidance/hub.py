"""Fetches a pipeline from the Hugging Face hub: only when a person typed its id, only safetensors, JSON and text files.

The files lie in the hub library's own cache; what was fetched before, or half, is not fetched again.
"""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.guidance import pipeline_folder
from engines.job import Cancelled, EngineError, Job

ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")


@dataclass(frozen=True)
class Fetch:
    """A task: `carry_out` gives the folder's path as text. `id` is "owner/name", with "@revision" behind it where one is wanted."""

    id: str

    def __post_init__(self) -> None:
        if not ID.fullmatch(self.id.partition("@")[0]):
            raise EngineError(f"{self.id!r} is no hub id.", remedy="It looks like owner/name, for instance stabilityai/sdxl-turbo.")

    def carry_out(self, engine: Any, job: Job) -> str:
        """EngineError when there is no network, no such repository, or one that Vernier would refuse; nothing is loaded."""
        name, _, revision = self.id.partition("@")
        try:
            return str(_fetch(name, revision or None, job))
        except (Cancelled, EngineError):
            raise
        except Exception as error:  # the library lets a dozen kinds of network failure through
            raise EngineError(f"{self.id} could not be fetched: {_reason(error)}.", remedy=_remedy(error)) from error


def _fetch(name: str, revision: str | None, job: Job) -> Path:
    import huggingface_hub
    from huggingface_hub import HfApi, constants

    constants.HF_HUB_DISABLE_XET = True  # a plain download stops between two blocks, the other only at a file's end
    job.progress(0, 1, f"Asking the hub for {name}")
    about = HfApi().model_info(name, revision=revision, files_metadata=True)
    sizes = {entry.rfilename: entry.size or 0 for entry in about.siblings or []}
    if "model_index.json" not in sizes:
        raise EngineError(f"{name} is no diffusers pipeline: it has no model_index.json.", remedy=f"Choose one of: {pipeline_folder.ACCEPTED}.")
    index = Path(huggingface_hub.hf_hub_download(name, "model_index.json", revision=about.sha))
    wanted = pipeline_folder.wanted_files(json.loads(index.read_text("utf-8")), list(sizes))
    total, done = sum(sizes[file] for file in wanted), 0
    free = shutil.disk_usage(index.parent).free
    if total > 0.95 * free:
        raise EngineError(f"{name} needs {total / 1e9:.1f} GB of disk, {free / 1e9:.1f} GB are free.",
                          remedy="Free some space, or set HF_HOME to a larger disk.")
    for file in wanted:
        job.check()
        huggingface_hub.hf_hub_download(name, file, revision=about.sha, tqdm_class=_bar(job, name, done, total))
        done += sizes[file]
        job.progress(done, max(total, 1), f"{name}: {done / 1e9:.2f} of {total / 1e9:.2f} GB")
    pipeline_folder.read(index.parent)
    return index.parent


def _bar(job: Job, name: str, before: int, total: int) -> type:
    """What the library calls for every block that arrives; a cancel is raised in it."""
    class Bar:
        def __init__(self, *args: Any, initial: float = 0, **more: Any) -> None:
            self.n, self.total = initial, more.get("total")

        def update(self, count: float = 1) -> None:
            self.n += count
            job.progress(min(before + self.n, total), max(total, 1), f"{name}: {(before + self.n) / 1e9:.2f} of {total / 1e9:.2f} GB")

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *failure: object) -> None: ...

        def close(self) -> None: ...

        def refresh(self, *args: Any, **more: Any) -> None: ...

        def set_description(self, *args: Any, **more: Any) -> None: ...

        def set_postfix_str(self, *args: Any, **more: Any) -> None: ...

    return Bar


def _reason(error: Exception) -> str:
    kind = type(error).__name__
    if kind == "GatedRepoError":
        return "its owner gives it only to people who have agreed to its terms"
    if kind in ("RepositoryNotFoundError", "RevisionNotFoundError"):
        return "there is none of that id, or it is private"
    if isinstance(error, OSError) and getattr(error, "response", None) is None or "Connect" in kind or "Timeout" in kind:
        return f"the hub cannot be reached ({kind})"
    return str(error).strip().partition("\n")[0][:200] or kind


def _remedy(error: Exception) -> str:
    if type(error).__name__ == "GatedRepoError":
        return "Agree to them on the hub's page, fetch it with its own tool, and open the folder."
    if "NotFound" in type(error).__name__:
        return "Check how the id is written."
    return "Check the network, or open a folder that lies on this machine."
