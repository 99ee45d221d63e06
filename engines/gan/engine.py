"""The GAN lab's engine: it keeps one training, goes on with it, and shows it while it runs.

To pause is to cancel: the training stays where it is. A slider that moves is a new Play: the engine goes on from the same step with it.
"""

import time
from contextlib import suppress
from pathlib import Path

from engines.gan import smart
from engines.gan.lab import Lab, centres, fingerprint
from engines.gan.measures import OFF_STDS, best
from engines.gan.outcome import GanOutcome, Scene, Twin
from engines.gan.request import GanRequest, Play
from engines.gan.toys import REACH
from engines.job import Cancelled, EngineError, Job

PREVIEW_S, SAVE_S = 0.1, 15.0
POINTS, FIELD, TAILS = 1500, 48, 90  # generated points shown, cells of the field a side, arrows
KEPT_FILES = 12  # trainings that are found again


class GanEngine:
    """`folder` is where trainings are kept between two starts; None keeps nothing."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._lab: Lab | None = None
        self._scene: Scene | None = None
        self._step_s = float("nan")

    def run(self, play: Play, job: Job) -> GanOutcome:
        """Does what a Play asks for; the training's picture at the end. Previews on the way."""
        lab = self._prepared(play)
        run = lab.run
        if play.action == "rewind":
            lab.rewind(play.at)
        elif play.action == "step":
            lab.train(run.iteration + play.count)
        elif play.action in ("train", "again"):
            self._train(play, lab, job)
        if play.action != "look":
            if run.finished() and run.history[0][-1].step < run.iteration:
                run.note()
            self._save(lab)
        return self.picture(play)

    def close(self) -> None:
        """Keeps where the training stands."""
        if self._lab is not None:
            with suppress(EngineError):
                self._save(self._lab)

    def _prepared(self, play: Play) -> Lab:
        request = play.request
        same = self._lab is not None and self._lab.run.request.structure() == request.structure()
        if not same or play.action in ("reset", "again"):
            if self._lab is not None and not same:
                self._save(self._lab)
            self._lab = Lab(request, self._file(request))
            self._scene = self._scene if self._scene is not None and same else self._seen()
            if play.action not in ("reset", "again"):
                with suppress(EngineError):  # a kept training that will not do is begun anew
                    self._lab.resume()
        self._lab.run.request = request
        return self._lab

    def _file(self, request: GanRequest) -> Path | None:
        return self._folder and self._folder / f"{fingerprint(request)}.safetensors"

    def _save(self, lab: Lab) -> None:
        """Beside it the oldest of too many kept trainings go. A training at its first step needs no file."""
        if self._folder is None or (lab.run.iteration == 0 and not lab.file.exists()):
            return
        lab.save()
        kept = sorted(self._folder.glob("*.safetensors"), key=lambda path: path.stat().st_mtime)
        for path in kept[:-KEPT_FILES]:
            path.unlink(missing_ok=True)

    def _train(self, play: Play, lab: Lab, job: Job) -> None:
        run = lab.run
        shown = saved = began = time.monotonic()
        since = run.iteration

        def tick() -> None:
            nonlocal shown, saved, began, since
            now = time.monotonic()
            if now - shown >= PREVIEW_S or (job.superseded and not job.shown):
                if run.iteration > since:
                    self._step_s = (now - began) / (run.iteration - since)
                job.progress(run.iteration, play.request.steps, f"Training, step {run.iteration:,} of {play.request.steps:,}")
                if job.drawn is None or job.drawn.is_set():
                    job.preview(self.picture(play))
                if now - saved >= SAVE_S:
                    self._save(lab)
                    saved = now
                shown = began = time.monotonic()  # pictures are no part of a step
                since = run.iteration
            job.check()

        try:
            lab.train(play.request.steps, tick)
        except Cancelled:
            if job.cancelled:
                self._save(lab)
            raise

    # the picture -----------------------------------------------------------------------------------------------------
    def _seen(self) -> Scene:
        import numpy as np
        import torch

        ruler = self._lab.run.ruler
        true = ruler.data.draw(np.random.default_rng(3), POINTS)
        distance, _ = ruler.data.nearest(torch.from_numpy(true))
        keep = distance.numpy() <= OFF_STDS * ruler.data.std
        return Scene(ruler.data.name, true[keep], ruler.data.density(), REACH, OFF_STDS * ruler.data.std, best(ruler))

    def picture(self, play: Play) -> GanOutcome:
        """What can be seen of the training now."""
        run, arm = self._lab.run, play.request.smart
        made = run.points(POINTS)
        fields = run.believed(centres(FIELD, REACH)).view(-1, FIELD, FIELD).numpy() if play.field else None
        twins = []
        for k, name in enumerate(run.names):
            off = run.ruler.off(made[k])
            tails = made[k][:TAILS] if play.arrows and name == "smart" else None
            twins.append(Twin(name, made[k].numpy(), off.numpy(), tuple(run.history[k]), run.stopped[k], None if fields is None else fields[k],
                              None if tails is None else tails.numpy(), None if tails is None else run.arrows(k, tails).numpy()))
        return GanOutcome(play.request, run.iteration, self._scene, tuple(twins), tuple(point.step for point in self._lab.checkpoints),
                          1000 * self._step_s, smart.timesteps(arm.sigma_low, arm.sigma_high, run.data.schedule),
                          smart.lam_at(arm.lam, arm.lam_schedule, run.progress()), smart.freq_at(arm.freq, arm.freq_schedule, run.progress()))


