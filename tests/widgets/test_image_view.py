import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from widgets import tokens
from widgets.image_view import ImageGrid, columns_for, difference, to_qimage


@pytest.fixture
def grid(qtbot):
    made = ImageGrid("samples")
    made.resize(420, 420)
    qtbot.addWidget(made)
    made.show()
    made.set_images(np.arange(16, dtype=np.uint8)[:, None, None, None] * np.full((1, 32, 32, 3), 15, np.uint8))
    return made


def test_pixels_arrive_unchanged():
    image = np.random.default_rng(0).integers(0, 255, (5, 7, 3), np.uint8)
    shown = to_qimage(image)
    assert all(shown.pixelColor(x, y).getRgb()[:3] == tuple(image[y, x]) for y in range(5) for x in range(7))


def test_sixteen_squares_fill_four_rows(grid):
    assert columns_for(16, 420, 420) == 4 and columns_for(3, 900, 200) == 3 and columns_for(1, 10, 10) == 1


def test_crisp_pixels_are_whole(grid):
    assert grid.cell(0).width() % 32 == 0
    grid.set_smooth(True)
    assert grid.cell(0).width() == pytest.approx((420 - 3 * 4) / 4)


def test_a_click_opens_the_image_under_it(grid):
    seen = []
    grid.opened.connect(seen.append)
    QTest.mouseClick(grid, Qt.MouseButton.LeftButton, pos=grid.cell(6).center().toPoint())
    QTest.mouseClick(grid, Qt.MouseButton.LeftButton, pos=QPoint(0, 0))
    assert seen == [6] and grid.current() == 6


def test_arrow_keys_walk_and_enter_opens(grid):
    seen = []
    grid.opened.connect(seen.append)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Return):
        QTest.keyClick(grid, key)
    assert seen == [5]


def test_the_divider_of_a_wipe_shows_a_left_and_b_right(grid):
    a, b = np.zeros((1, 32, 32, 3), np.uint8), np.full((1, 32, 32, 3), 255, np.uint8)
    grid.set_images(a, b)
    grid.set_mix("wipe")
    grid.divider = 0.25
    picture, box = grid.grab().toImage(), grid.cell(0)
    y = round(box.top() + box.height() * 0.8)
    left, right = (picture.pixelColor(round(box.left() + box.width() * part), y).lightness() for part in (0.1, 0.6))
    assert left < 20 and right > 235


def test_the_divider_is_dragged(grid):
    grid.set_images(np.zeros((1, 32, 32, 1), np.uint8), np.zeros((1, 32, 32, 1), np.uint8))
    grid.set_mix("wipe")
    start = QPoint(round(grid.divider_x()), 60)
    QTest.mousePress(grid, Qt.MouseButton.LeftButton, pos=start)
    QTest.mouseMove(grid, start - QPoint(80, 0))
    QTest.mouseRelease(grid, Qt.MouseButton.LeftButton, pos=start - QPoint(80, 0))
    assert grid.divider < 0.4


def test_a_difference_is_neutral_where_equal_and_signed_elsewhere(qapp):
    a, b = np.full((1, 1, 3, 3), 100, np.uint8), np.full((1, 1, 3, 3), 100, np.uint8)
    b[0, 0, 1], b[0, 0, 2] = 240, 0
    shown = difference(a, b)[0, 0]
    names = [f"#{pixel[0]:02x}{pixel[1]:02x}{pixel[2]:02x}" for pixel in shown]
    theme = tokens.current()
    assert names[0] == theme.control and names[1] == theme.second
    assert shown[2][2] > shown[2][0]  # towards blue


def test_an_empty_grid_says_so_and_takes_keys_quietly(qtbot):
    grid = ImageGrid("samples")
    qtbot.addWidget(grid)
    grid.show()
    QTest.keyClick(grid, Qt.Key.Key_Right)
    assert grid.count() == 0 and grid.grab().width() > 0
