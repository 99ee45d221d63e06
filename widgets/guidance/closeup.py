"""One sample large, with the training image that is nearest to it: how much is new, and how much is remembered."""

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from engines.guidance.outcome import Side
from engines.guidance.references import Sheet, nearest, pictures_of, read_sheet
from engines.job import EngineError
from widgets import tokens
from widgets.image_view import ImageGrid
from widgets.paint import Caption

CAPTION_PX = 4 * tokens.SPACE_L


class Closeup(QWidget):
    """`left` when the person goes back to the grid."""

    left = Signal()

    def __init__(self, samples: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._samples, self._sheets = samples, {}
        self.side = self.index = 0
        self.grids = [ImageGrid("The sample, large"), ImageGrid("The nearest training image")]
        self._captions = [Caption("", tokens.BODY_PX), Caption("", tokens.BODY_PX, "muted")]
        back = QPushButton("Back to all images")
        back.setToolTip("Escape")
        back.clicked.connect(self.left)
        self.grids[0].opened.connect(lambda _: self.left.emit())
        row = QHBoxLayout()
        row.setSpacing(tokens.SPACE_XL)
        for grid, caption in zip(self.grids, self._captions, strict=True):
            caption.setWordWrap(True)
            caption.setAlignment(Qt.AlignmentFlag.AlignTop)
            caption.setFixedHeight(CAPTION_PX)  # the same below both, so that the images stand level
            column = QVBoxLayout()
            column.addWidget(grid, 1)
            column.addWidget(caption)
            row.addLayout(column, 1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addLayout(row, 1)
        foot = QHBoxLayout()
        foot.addWidget(back)
        foot.addStretch(1)
        whole.addLayout(foot)

    def show_image(self, side: Side, number: int, index: int) -> None:
        """Image `index` of a side; `number` 0 = A, 1 = B."""
        self.side, self.index = number, index
        image = side.images[index]
        self.grids[0].set_images(image[None])
        self._captions[0].setText(f"Image {index + 1} of {len(side.images)}, seed {side.settings.seed}")
        sheet = self._sheet(side.settings.model)
        if sheet is None or sheet.images.shape[1:] != image.shape:
            self.grids[1].set_images(None)
            self.grids[1].empty_text = "The training images of this model do not lie beside it."
            self._captions[1].setText("")
            return
        found, distance = nearest(image, sheet)
        self.grids[1].set_images(sheet.images[found][None])
        self._captions[1].setText(f"The nearest of {len(sheet.images):,} training images ({sheet.classes[sheet.labels[found]]}): "
                                  f"{distance:.1f} of 255 grey levels away (root mean square). {sheet.credit}")

    def forget(self, model: str) -> None:
        """The images beside a model have been written anew."""
        self._sheets.pop(model, None)

    def _sheet(self, model: str) -> Sheet | None:
        """All images a model was trained on: where they ship, or lie beside a model of one's own."""
        path = pictures_of(model) if model.endswith(".safetensors") else self._samples / f"{model}_train.png"
        if model not in self._sheets:
            try:
                self._sheets[model] = read_sheet(path) if path.exists() else None
            except EngineError:
                self._sheets[model] = None
        return self._sheets[model]
