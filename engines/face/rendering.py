"""Renders what a cache folder lacks, in one process or in several: sixteen cores make 300 heads in the time of twenty."""

import multiprocessing
import time
from pathlib import Path

from engines.face import cache, corpus, morphable
from engines.face.corpus import Speech
from engines.job import EngineError, Job


def render_all(folder: Path, head: Path, seed: int, counts: tuple[int, int], size: int, job: Job, workers: int, turn: tuple[int, int], speech: Speech) -> None:
    """counts of (heads, held-out heads); `turn` is this process's (rank, of how many), within which `workers` processes share the work.

    EngineError when the head cannot be read or a worker ends with work left.
    """
    model = morphable.load(head)
    if workers == 1:
        return cache.fill(folder, model, speech, seed, counts, size, job, turn)
    context, (rank, ranks) = multiprocessing.get_context("spawn"), turn
    turns = [(rank + ranks * k, ranks * workers) for k in range(workers)]
    processes = [context.Process(target=_work, args=(folder, head, seed, counts, size, one), daemon=True) for one in turns]
    wanted = [cache.path_of(folder, number, held) for held in (False, True) for number in range(counts[held])]
    try:
        for process in processes:
            process.start()
        while any(process.is_alive() for process in processes):
            done = sum(path.exists() for path in wanted)
            job.progress(done, len(wanted), f"Rendering heads: {done} of {len(wanted)}")
            time.sleep(0.1)
    finally:
        for process in processes:
            if process.is_alive():
                process.terminate()
            process.join()
    if any(process.exitcode for process in processes):
        raise EngineError("A process that renders heads ended before its work was done.",
                          "Look whether there is room in the cache folder; --workers 1 says more.")
    return None


def _work(folder: Path, head: Path, seed: int, counts: tuple[int, int], size: int, turn: tuple[int, int]) -> None:
    """What one of several processes does: it reads speech and head itself."""
    speech = corpus.read(Path(folder) / "speech.npz")
    cache.fill(folder, morphable.load(head), speech, seed, counts, size, Job(), turn)
