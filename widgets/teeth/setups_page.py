"""The Setups page of the right panel: what the numbers say, the chosen setup beside start and arch-fit, all setups as cards, and how far they agree."""

from PySide6.QtCore import Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QVBoxLayout, QWidget

from engines.teeth.offer import Offer
from widgets import tokens
from widgets.fields import Chips
from widgets.paint import Caption
from widgets.teeth.agreement import Agreement, AgreementLegend
from widgets.teeth.controls import JAW_ROWS
from widgets.teeth.setup_cards import SetupCards, SetupTable

EMPTY = ("Press Propose (A) and the trained model offers setups of this case here: each with its measures, beside the start and the arch-fit. "
         "A click shows one on the teeth; nothing is changed until you apply it.")
AGREEMENT = "How far the proposals are apart on each tooth, root mean square. Colours on the teeth: Shift+A."
UNKNOWN = "These numbers cannot say whether teeth stand as an orthodontist would set them. Look at the setup before you apply it."


class SetupsPage(QWidget):
    """`show_offer`, `show_current`, `set_picture`; `chosen(key)` for a click on a card, `jaw_chosen(jaw)`."""

    chosen = Signal(str)
    jaw_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.empty, self.verdict = Caption(EMPTY, tokens.CAPTION_PX, "muted"), Caption("", tokens.CAPTION_PX)
        self.note, self.agreed = Caption(UNKNOWN, tokens.CAPTION_PX, "muted"), Caption(AGREEMENT, tokens.CAPTION_PX, "muted")
        for words in (self.empty, self.verdict, self.note, self.agreed):
            words.setWordWrap(True)
        self.table, self.cards, self.legend = SetupTable(), SetupCards(), AgreementLegend()
        self.jaw = Chips("Jaw in the pictures", JAW_ROWS, 2)
        self.jaw.set_value("upper")
        self.jaw.changed.connect(self._on_jaw)
        self.cards.chosen.connect(self.chosen)
        column = QVBoxLayout(self)
        column.setContentsMargins(tokens.SPACE_M, tokens.SPACE_M, tokens.SPACE_M, tokens.SPACE_M)
        column.setSpacing(tokens.SPACE_S)
        for part in (self.empty, self.verdict, self.table, self.jaw, self.cards, self.legend, self.agreed, self.note):
            column.addWidget(part)
        column.addStretch(1)
        self.offer: Offer | None = None
        self.show_offer(None)

    def show_offer(self, offer: Offer | None, current: str = "", why: str = "") -> None:
        """why: what to say where there is none (any more)."""
        self.offer = offer
        self.empty.setText(why or EMPTY)
        self.empty.setVisible(offer is None)
        for part in (self.verdict, self.table, self.jaw, self.cards, self.note):
            part.setVisible(offer is not None)
        for part in (self.legend, self.agreed):
            part.setVisible(Agreement.of(offer) is not None)
        self.verdict.setText("\n".join(offer.verdict) if offer is not None else "")
        self.cards.show_offer(offer, current)
        self.table.show_setups(offer, current)

    def show_current(self, key: str) -> None:
        self.cards.set_current(key)
        self.table.show_setups(self.offer, key)

    def set_picture(self, key: str, jaw: str, image: QImage) -> None:
        self.cards.set_picture(key, jaw, image)

    def _on_jaw(self, jaw: str) -> None:
        self.jaw.set_value(jaw)
        self.cards.set_jaw(jaw)
        self.jaw_chosen.emit(jaw)
