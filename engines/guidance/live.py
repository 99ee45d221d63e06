"""What a model draws while it is trained: a few images of the moving average, always from the same noise."""

import copy
import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from engines.device import precision
from engines.diffusion.networks import UNet
from engines.diffusion.noise import noise
from engines.guidance.engine import to_pixels
from engines.guidance.guide import Guide, plan, run
from engines.guidance.picture import contact_sheet, save_png
from engines.guidance.request import Sampling
from engines.guidance.sources import Model
from engines.guidance.training import Live

SHARE = 0.05  # of the training's time at most


class Painter:
    """Draws with a copy of the network; `due` says when it is time again."""

    def __init__(self, net: UNet, classes: tuple[str, ...], live: Live) -> None:
        device = next(net.parameters()).device
        shadow = copy.deepcopy(net).to(dtype=precision(device)).eval().requires_grad_(False)
        self.model, self.live, self.classes = Model("the model", shadow, classes, "", device, precision(device)), live, classes[: live.classes]
        self._next = time.monotonic() + live.seconds

    def due(self) -> bool:
        return time.monotonic() >= self._next

    def draw(self, average: Mapping[str, Tensor], check: Callable[[], None]) -> np.ndarray:
        """uint8 [classes * each, H, W, C], class after class, of the average's weights; writes the sheet where one is wanted.

        EngineError when the sheet cannot be written, or the weights answer with NaN.
        """
        began, model, live = time.monotonic(), self.model, self.live
        with torch.no_grad():
            for name, p in model.net.named_parameters():
                p.copy_(average[name])
        settings = Sampling(model="", mode="cfg", gamma_1=live.gamma_1, steps=live.solver_steps, count=live.each)
        rows = torch.cat([model.label_rows(k, live.each) for k in range(len(self.classes))])
        x = noise(0, 0, live.each, model.shape).repeat(len(self.classes), 1, 1, 1).to(model.device)
        guide = Guide(settings, model.schedule, plan(settings, model.schedule, lambda t: 1.0), lambda x, t, tau: model.pair(x, t, rows),
                      lambda x, t, tau: model.predict(x, t, rows), check, measure=False)
        images = to_pixels(run(guide, x))
        if live.sheet is not None:
            save_png(live.sheet, contact_sheet(images, live.each), {"classes": list(self.classes), "each": live.each})
        now = time.monotonic()
        self._next = now + max(live.seconds, (now - began) / SHARE)
        return images
