"""Pieces of a printed page: styles, tables, pictures, the chart of stages, and the line at the foot of every page. Used by report.py inside functions only."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from reportlab.lib import colors
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Image, KeepTogether, PageBreak, Paragraph, Spacer, Table, TableStyle

from engines.teeth.look import ACCENT, INK, QUIET, Colour

Face = tuple[str, str]  # plain and bold
WIDTH_MM = 178.0


def face_for(texts: Sequence[str]) -> Face:
    """Helvetica, or a face that has more than western European letters where a text needs it and one is installed."""
    try:
        for text in texts:
            text.encode("cp1252")
        return "Helvetica", "Helvetica-Bold"
    except UnicodeEncodeError:
        return _wide_face()


def _wide_face() -> Face:
    from pathlib import Path

    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFError, TTFont

    try:
        from matplotlib import get_data_path

        folder = Path(get_data_path()) / "fonts/ttf"
        pdfmetrics.registerFont(TTFont("Wide", str(folder / "DejaVuSans.ttf")))
        pdfmetrics.registerFont(TTFont("Wide-Bold", str(folder / "DejaVuSans-Bold.ttf")))
        return "Wide", "Wide-Bold"
    except (ImportError, OSError, TTFError):
        return "Helvetica", "Helvetica-Bold"


class NumberedCanvas(Canvas):
    """Writes the note, the title and "page k of n" at the foot of every page; the number of pages is appended to `pages`."""

    def __init__(self, note: str, title: str, face: str, pages: list[int], *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._note, self._title, self._face, self._pages, self._kept = note, title, face, pages, []

    def showPage(self) -> None:  # noqa: N802  reportlab's name
        self._kept.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for k, state in enumerate(self._kept, start=1):
            self.__dict__.update(state)
            self.setStrokeColor(colors.HexColor("#c9d0d7"))
            self.line(16 * mm, 15 * mm, self._pagesize[0] - 16 * mm, 15 * mm)
            self.setFillColor(_colour(INK))
            self.setFont(self._face, 8)
            self.drawString(16 * mm, 11 * mm, self._note)
            self.setFillColor(_colour(QUIET))
            self.drawString(16 * mm, 7.5 * mm, self._title[:90])
            self.drawRightString(self._pagesize[0] - 16 * mm, 11 * mm, f"Page {k} of {len(self._kept)}")
            super().showPage()
        self._pages.append(len(self._kept))
        super().save()


class Chart(Flowable):
    """One line a tooth, one bar from its first to its last stage, lighter where it waits."""

    ROW, LEFT = 3.6 * mm, 12 * mm

    def __init__(self, row: dict[int, tuple[int, int] | None], waits: dict[int, tuple[int, ...]], count: int, face: Face, bar: Colour, ink: Colour,
                 quiet: Colour) -> None:
        super().__init__()
        self._row, self._waits, self._count, self._face, self._colours = row, waits, count, face, (bar, ink, quiet)

    def wrap(self, wide: float, _: float) -> tuple[float, float]:
        self._wide = wide
        return wide, (len(self._row) + 1.4) * self.ROW

    def draw(self) -> None:
        pen, (bar, ink, quiet) = self.canv, self._colours
        step, top = (self._wide - self.LEFT) / self._count, len(self._row) * self.ROW
        pen.setLineWidth(.3)
        every = 1 if self._count <= 30 else 5
        for k in range(self._count + 1):
            pen.setStrokeColor(colors.HexColor("#e4e8ec"))
            if k % every == 0 or k == self._count:
                pen.line(self.LEFT + k * step, 0, self.LEFT + k * step, top)
            if k and (k % every == 0 or k == 1):
                pen.setFillColor(_colour(quiet))
                pen.setFont(self._face[0], 6)
                pen.drawCentredString(self.LEFT + (k - .5) * step, top + 1.2 * mm, str(k))
        for line, (number, span) in enumerate(self._row.items()):
            y = top - (line + 1) * self.ROW
            pen.setFillColor(_colour(ink if span else quiet))
            pen.setFont(self._face[0], 7)
            pen.drawString(1 * mm, y + 1 * mm, str(number))
            for k in range(span[0], span[1] + 1) if span else ():
                pen.setFillColor(_colour(bar) if k not in self._waits.get(number, ()) else colors.HexColor("#bcd9e6"))
                pen.rect(self.LEFT + (k - 1) * step + .2, y + .7 * mm, step - .4, self.ROW - 1.4 * mm, stroke=0, fill=1)


class styled:  # noqa: N801  reads as what it gives: a style with a face
    """The look of a report's parts, for one face."""

    def __init__(self, face: Face) -> None:
        self.face = face
        plain = ParagraphStyle("body", fontName=face[0], fontSize=8.5, leading=11.5, textColor=_colour(INK), spaceAfter=4)
        self._styles = {"body": plain, "small": ParagraphStyle("small", plain, fontSize=6.5, leading=8.5, textColor=_colour(QUIET)),
                        "title": ParagraphStyle("title", plain, fontName=face[1], fontSize=18, leading=22),
                        "head": ParagraphStyle("head", plain, fontName=face[1], fontSize=12, leading=16, spaceBefore=4, textColor=_colour(ACCENT)),
                        "small head": ParagraphStyle("small head", plain, fontName=face[1], fontSize=9, leading=12),
                        "note": ParagraphStyle("note", plain, fontName=face[1], textColor=colors.HexColor("#8a5a00")),
                        "warning": ParagraphStyle("warning", plain, textColor=colors.HexColor("#8a5a00")),
                        "cell": ParagraphStyle("cell", plain, fontSize=7.5, leading=9, spaceAfter=0)}

    def text(self, text: str, kind: str) -> Paragraph:
        return Paragraph(escape(text).replace("\n", "<br/>"), self._styles[kind])

    def space(self, height_mm: float) -> Spacer:
        return Spacer(1, height_mm * mm)

    def new_page(self) -> PageBreak:
        return PageBreak()

    def together(self, parts: list) -> KeepTogether:
        return KeepTogether(parts)

    def facts(self, rows: list[tuple[str, str]]) -> Table:
        """Name and value, two columns."""
        cells = [[self.text(key, "cell"), self.text(value, "cell")] for key, value in rows]
        return Table(cells, [26 * mm, (WIDTH_MM - 26) * mm], style=TableStyle([("TOPPADDING", (0, 0), (-1, -1), 1), ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
                                                                             ("LEFTPADDING", (0, 0), (0, -1), 0), ("VALIGN", (0, 0), (-1, -1), "TOP")]))

    def table(self, rows: list[list[str]], widths_mm: list[float], left: int = 1, wrap: int | None = None) -> Table:
        """The first row is the head, repeated on every page; the first `left` columns are set left; column `wrap` breaks its lines."""
        cells = [row if k == 0 or wrap is None else [*row[:wrap], self.text(row[wrap], "cell"), *row[wrap + 1:]] for k, row in enumerate(rows)]
        look = [("FONT", (0, 0), (-1, -1), self.face[0], 7.5), ("FONT", (0, 0), (-1, 0), self.face[1], 7.5), ("TEXTCOLOR", (0, 0), (-1, -1), _colour(INK)),
                ("ALIGN", (left, 0), (-1, -1), "RIGHT"), ("VALIGN", (0, 0), (-1, -1), "MIDDLE"), ("LEADING", (0, 0), (-1, -1), 9),
                ("TOPPADDING", (0, 0), (-1, -1), 1.2), ("BOTTOMPADDING", (0, 0), (-1, -1), 1.8), ("LINEBELOW", (0, 0), (-1, 0), .6, _colour(INK)),
                ("LINEBELOW", (0, 1), (-1, -1), .2, colors.HexColor("#d5dade")), ("LEFTPADDING", (0, 0), (-1, -1), 3), ("RIGHTPADDING", (0, 0), (-1, -1), 3)]
        if wrap is not None:
            look += [("ALIGN", (wrap, 0), (wrap, -1), "LEFT"), ("LEFTPADDING", (wrap, 0), (wrap, -1), 10)]
        return Table(cells, [width * mm for width in widths_mm], repeatRows=1, hAlign="LEFT", style=TableStyle(look))

    def pictures(self, pictures: list[tuple[str, np.ndarray]], across: int) -> Table:
        """Pictures with their titles, `across` in a row."""
        wide = WIDTH_MM / across * mm
        cells: list = [[self._picture(picture, wide - 4 * mm), self.text(title, "cell")] for title, picture in pictures]
        cells += [""] * (-len(cells) % across)
        rows = [cells[k:k + across] for k in range(0, len(cells), across)]
        return Table(rows, [wide] * across, style=TableStyle([("ALIGN", (0, 0), (-1, -1), "CENTER"),
                                                                                               ("BOTTOMPADDING", (0, 0), (-1, -1), 2)]))

    def _picture(self, picture: np.ndarray, wide: float) -> Image:
        from PIL import Image as Picture

        data = BytesIO()
        Picture.fromarray(picture).save(data, "PNG")
        data.seek(0)
        return Image(data, wide, wide * picture.shape[0] / picture.shape[1])


def _colour(colour: Colour) -> colors.Color:
    return colors.Color(*colour)
