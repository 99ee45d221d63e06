"""A long notice is read to its end."""

from widgets.notice_bar import Notice, NoticeBar, Wrapped

LONG = "The file upper-arch-of-a-patient-with-a-very-long-name.stl ends too early: 84 bytes of 5,000,084 are there, so nothing of it could be read."
REMEDY = "Export it again from the scanner's program, or copy it again, and open the new file."


def test_a_notice_that_does_not_fit_takes_more_lines_and_is_whole(qtbot):
    bar = NoticeBar()
    qtbot.addWidget(bar)
    bar.resize(620, bar.height())
    bar.show_notice(Notice("bad", LONG, REMEDY))
    line = bar.findChild(Wrapped)
    qtbot.waitUntil(lambda: line.width() > 100)
    assert line.text() == f"{LONG} {REMEDY}" == line.toolTip()
    assert line.heightForWidth(line.width()) >= 2 * line.fontMetrics().height()
    bar.show_notice(Notice("info", "Saved."))
    assert line.heightForWidth(line.width()) < 2 * line.fontMetrics().height()


def test_a_word_longer_than_the_line_gives_way_in_its_middle(qtbot):
    line = Wrapped()
    qtbot.addWidget(line)
    line.resize(200, 40)
    line.set_full(f"Opened {'x' * 300}.stl again")
    assert line.text().startswith("Opened x") and "\N{HORIZONTAL ELLIPSIS}" in line.text() and line.text().endswith("again")
