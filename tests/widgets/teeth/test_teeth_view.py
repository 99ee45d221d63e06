"""The widget, drawn without a display: pictures, the mouse, the gizmo, and what is left behind."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from teeth_shapes import vtk_alive

from engines.teeth import fdi
from widgets import mesh_view, tokens
from widgets.camera import Camera
from widgets.teeth import colour_maps
from widgets.teeth.gizmo import handles
from widgets.teeth.linked_views import LinkedViews
from widgets.teeth.marks import Line, Mark
from widgets.teeth.scene import TeethScene
from widgets.teeth.view import TeethView

LEFT, PLAIN = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def view(qtbot, balls):
    view = TeethView(balls)
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.show()
    qtbot.waitUntil(lambda: view._frame is not None)
    return view


def pixels(image):
    image = image.convertToFormat(image.Format.Format_RGBA8888)
    return np.array(image.constBits()).reshape(image.height(), image.bytesPerLine() // 4, 4)[:, :image.width(), :3].astype(int)


def at(view, number):
    """The pixel of the foremost point of a tooth."""
    x, y, _ = view.camera.project((view.scene.placed(number) @ np.append(view.scene.frames[number][:3, 3] - (0, 4, 0), 1))[:3], (400, 300))
    return QPoint(round(x), round(y))


def test_teeth_are_drawn_bright_on_a_background_of_the_theme(view):
    shot = pixels(view.grab().toImage())
    place = at(view, 11)
    assert shot[place.y(), place.x()].min() > 120
    window, control = (np.array([int(getattr(tokens.current(), name)[i:i + 2], 16) for i in (1, 3, 5)]) for name in ("window", "control"))
    assert shot[-2, 2] == pytest.approx(window, abs=3)
    assert shot[1, 2] == pytest.approx(control, abs=3)


def test_nothing_is_drawn_while_hidden_and_changes_merge_into_one_picture(view, qtbot, monkeypatch):
    drawn = []
    render = view._drawing.render
    monkeypatch.setattr(view._drawing, "render", lambda *args, **more: drawn.append(1) or render(*args, **more))
    view.hide()
    view.scene.set_selected([11])
    view.set_camera(view.camera.orbited(20, 0))
    QTest.qWait(0)
    assert not drawn
    view.show()
    for _ in range(5):
        view.scene.set_selected([21])
        view.scene.set_selected([])
    qtbot.waitUntil(lambda: bool(drawn))
    assert len(drawn) == 1


def test_a_picture_at_rest_is_drawn_again_in_full(view, qtbot):
    while view.scene.make_coarse():
        pass
    view.set_camera(view.camera.orbited(20, 0))
    assert view._moving
    qtbot.waitUntil(lambda: view._smooth and not view._stale, timeout=5000)
    assert view._frame.pixels.shape[:2] == (600, 800)


def test_a_click_picks_the_tooth_with_its_modifiers(view, qtbot):
    for number in (11, 21, 41):
        with qtbot.waitSignal(view.picked) as said:
            QTest.mouseClick(view, LEFT, Qt.KeyboardModifier.ControlModifier, at(view, number))
        assert said.args == [number, Qt.KeyboardModifier.ControlModifier]
    with qtbot.waitSignal(view.picked) as said:
        QTest.mouseClick(view, LEFT, PLAIN, QPoint(3, 3))
    assert said.args[0] is None


def test_a_drag_orbits_and_picks_nothing(view):
    picks, before = [], view.camera
    view.picked.connect(lambda *args: picks.append(args))
    QTest.mousePress(view, LEFT, PLAIN, at(view, 11))
    QTest.mouseMove(view, at(view, 11) + QPoint(30, 10))
    QTest.mouseRelease(view, LEFT, PLAIN, at(view, 11) + QPoint(30, 10))
    assert not picks
    assert view.camera.yaw < before.yaw and view.camera.pitch > before.pitch


def test_shift_and_middle_drags_pan(view):
    for button, keys in ((LEFT, Qt.KeyboardModifier.ShiftModifier), (Qt.MouseButton.MiddleButton, PLAIN)):
        before = view.camera
        QTest.mousePress(view, button, keys, QPoint(200, 20))
        event = view.camera
        _move(view, QPoint(230, 40), button, keys)
        QTest.mouseRelease(view, button, keys, QPoint(230, 40))
        assert view.camera.yaw == before.yaw
        assert view.camera.focus[0] < event.focus[0] and view.camera.focus[2] > event.focus[2]


def _move(view, place, button, keys):
    from PySide6.QtCore import QEvent, QPointF
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtWidgets import QApplication
    QApplication.sendEvent(view, QMouseEvent(QEvent.Type.MouseMove, QPointF(place), QPointF(view.mapToGlobal(place)), Qt.MouseButton.NoButton, button, keys))


def test_the_tooth_under_the_mouse_lights_up_without_a_new_picture_of_the_scene(view, qtbot):
    qtbot.waitUntil(lambda: view._smooth and not view._stale, timeout=5000)
    before, frame = pixels(view.grab().toImage()), view.seen().frame
    _move(view, at(view, 21), Qt.MouseButton.NoButton, PLAIN)
    assert view.hover.number == 21
    changed = np.abs(pixels(view.grab().toImage()) - before).sum(-1) > 20
    assert changed[at(view, 21).y(), at(view, 21).x()] and not changed[at(view, 11).y(), at(view, 11).x()]
    assert not changed[:, :200].any()
    assert view.seen().frame is frame
    _move(view, QPoint(2, 2), Qt.MouseButton.NoButton, PLAIN)
    assert view.hover.number is None
    assert (pixels(view.grab().toImage()) == before).all()


def test_dragging_an_arrow_moves_the_tooth_and_says_by_how_much(view):
    view.scene.set_selected([11])
    view.repaint()
    said, ends = [], []
    view.dragged.connect(lambda *args: said.append(args))
    view.drag_ended.connect(lambda *args: ends.append(args))
    arrow = next(part for part in handles(view.gizmo.frame(), view.camera, (400, 300)) if part.kind == "mesiodistal")
    tip = QPoint(*np.round(arrow.line[-1]).astype(int).tolist())
    QTest.mousePress(view, LEFT, PLAIN, tip)
    _move(view, tip + QPoint(40, 0), LEFT, PLAIN)
    number, delta, kind, amount = said[-1]
    assert (number, kind) == (11, "mesiodistal")
    assert amount == pytest.approx(40 * view.camera.mm_per_px(view.scene.frames[11][:3, 3], 300), rel=1e-6)
    assert view.scene.poses[11] == pytest.approx(delta)
    assert delta[:3, 3] == pytest.approx((amount, 0, 0), abs=1e-9)
    QTest.mouseRelease(view, LEFT, PLAIN, tip + QPoint(40, 0))
    assert ends == [(11, True)]


def test_shift_is_ten_times_finer_and_escape_gives_the_drag_up(view):
    view.scene.set_selected([11, 21])
    view.repaint()
    said, ends = [], []
    view.dragged.connect(lambda *args: said.append(args))
    view.drag_ended.connect(lambda *args: ends.append(args))
    arrow = next(part for part in handles(view.gizmo.frame(), view.camera, (400, 300)) if part.kind == "occlusal")
    tip = QPoint(*np.round(arrow.line[-1]).astype(int).tolist())
    QTest.mousePress(view, LEFT, PLAIN, tip)
    _move(view, tip - QPoint(0, 20), LEFT, PLAIN)
    coarse = said[-1][3]
    _move(view, tip - QPoint(0, 40), LEFT, Qt.KeyboardModifier.ShiftModifier)
    assert said[-1][3] == pytest.approx(1.1 * coarse, rel=0.02)
    assert view.scene.poses[21][2, 3] == pytest.approx(said[-1][3])
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert view.scene.poses[11] == pytest.approx(np.eye(4)) and view.scene.poses[21] == pytest.approx(np.eye(4))
    _move(view, tip - QPoint(0, 60), LEFT, PLAIN)
    assert view.scene.poses[11] == pytest.approx(np.eye(4))
    QTest.mouseRelease(view, LEFT, PLAIN, tip)
    assert ends == [(11, False)]


def test_the_gizmo_leaves_locked_teeth_alone(view):
    view.scene.set_selected([11, 21])
    view.scene.set_locked([11])
    assert view.gizmo.numbers() == (21,)
    view.scene.set_locked([11, 21])
    assert view.gizmo.frame() is None


def test_a_drag_with_the_jaw_open_is_told_for_the_closed_jaw(view):
    view.scene.open_jaw(20)
    view.scene.set_selected([41])
    view.fit()
    view.repaint()
    said = []
    view.dragged.connect(lambda *args: said.append(args))
    arrow = next(part for part in handles(view.gizmo.frame(), view.camera, (400, 300)) if part.kind == "occlusal")
    tip = QPoint(*np.round(arrow.line[-1]).astype(int).tolist())
    QTest.mousePress(view, LEFT, PLAIN, tip)
    _move(view, tip - QPoint(0, 25), LEFT, PLAIN)
    QTest.mouseRelease(view, LEFT, PLAIN, tip - QPoint(0, 25))
    assert said[-1][3] > 0.5
    assert said[-1][1][:3, 3] == pytest.approx((0, 0, said[-1][3]), abs=1e-6)  # along the tooth's own axis, which is upright when closed


def test_points_strokes_and_measures_are_told_on_the_surface(view, qtbot):
    view.use("point")
    with qtbot.waitSignal(view.point_picked) as said:
        QTest.mouseClick(view, LEFT, PLAIN, at(view, 11))
    assert said.args[0] == 11
    assert said.args[1] == pytest.approx((-5, -4, 5), abs=0.15)
    view.use("ruler")
    QTest.mouseClick(view, LEFT, PLAIN, at(view, 11))
    with qtbot.waitSignal(view.measured) as said:
        QTest.mouseClick(view, LEFT, PLAIN, at(view, 21))
    assert said.args == ["ruler", pytest.approx(10, abs=0.15)]
    view.use("angle")
    for number in (21, 11):
        QTest.mouseClick(view, LEFT, PLAIN, at(view, number))
    with qtbot.waitSignal(view.measured) as said:
        QTest.mouseClick(view, LEFT, PLAIN, at(view, 41))
    assert said.args == ["angle", pytest.approx(90, abs=1.5)]
    view.use("brush")
    strokes = []
    view.stroked.connect(lambda *args: strokes.append(args))
    QTest.mousePress(view, LEFT, PLAIN, at(view, 11))
    _move(view, at(view, 11) + QPoint(15, 0), LEFT, PLAIN)
    QTest.mouseRelease(view, LEFT, PLAIN, at(view, 11) + QPoint(15, 0))
    numbers, points, ended = strokes[-1]
    assert ended and set(numbers) == {11} and len(points) >= 5
    assert np.linalg.norm(points - (-5, 0, 5), axis=1) == pytest.approx(np.full(len(points), 4), abs=0.1)


def test_a_landmark_is_dragged_over_its_own_tooth(view):
    view.marks.draggable = True
    view.marks.set_marks([Mark("cusp", (-5, -4, 5), 11)])
    moved = []
    view.marks.signals.moved.connect(lambda *args: moved.append(args))
    QTest.mousePress(view, LEFT, PLAIN, at(view, 11))
    _move(view, at(view, 11) + QPoint(10, 0), LEFT, PLAIN)
    QTest.mouseRelease(view, LEFT, PLAIN, at(view, 11) + QPoint(10, 0))
    name, xyz, ended = moved[-1]
    assert name == "cusp" and ended and xyz[0] > -5
    assert np.linalg.norm(xyz - (-5, 0, 5)) == pytest.approx(4, abs=0.1)


def test_scalars_become_colours_in_the_picture(view):
    count = len(view.scene.meshes[11].vertices)
    view.scene.set_paint(11, colour_maps.occlusogram(np.full(count, -1.0)))
    view.scene.set_paint(21, colour_maps.occlusogram(np.full(count, 0.06)))
    shot = pixels(view.picture(400, 300, layers=False))
    red, green, enamel = (shot[at(view, number).y(), at(view, number).x()] for number in (11, 21, 41))
    assert red[0] > red[1] + 60 and red[0] > red[2] + 60
    assert green[1] > green[0] + 60
    assert enamel[0] >= enamel[1] >= enamel[2] and np.ptp(enamel) < 60


def test_the_plane_cuts_the_picture(view):
    full = (pixels(view.picture(400, 300, layers=False)).min(-1) > 100).sum()
    view.scene.set_plane(np.array([1, 0, 0, 0.0]))
    half = pixels(view.picture(400, 300, layers=False)).min(-1) > 100
    assert half.sum() < 0.6 * full
    assert not half[:, :190].any()


def test_hidden_points_know_that_they_are_hidden(view):
    view.repaint()
    seen = view.seen()
    assert seen.visible(np.array([(-5, -4, 5), (-5, 4, 5), (5, -4, 5), (100, 0, 0)])).tolist() == [True, False, True, False]


def test_numbers_stand_on_the_teeth_that_are_seen(view, qtbot):
    view.labels.text = str
    places = view.labels.places(view.seen())
    assert set(places) == {11, 21, 41}
    assert all(clear for *_, clear in places.values())
    assert places[11][0] < 200 < places[21][0] and places[11][1] < places[41][1]
    view.scene.set_hidden([11])
    assert set(view.labels.places(view.seen())) == {21, 41}


def test_views_of_one_jaw_hide_the_other_and_give_it_back(view):
    told = []
    view.jaws_changed.connect(told.append)
    view.look("upper", glide=False)
    assert view.scene.shown_jaws == "upper"
    view.look("lower", glide=False)
    view.look("front", glide=False)
    assert view.scene.shown_jaws == "both"
    assert told == ["upper", "lower", "both"]


def test_a_picture_has_any_size_without_showing_the_view(qtbot, scene, start):
    view = TeethView(scene)
    qtbot.addWidget(view)
    view.labels.text = str
    image = view.picture(320, 200, view.camera_for("front", (320, 200)))
    assert (image.width(), image.height()) == (320, 200)
    bright = pixels(image).min(-1) > 110
    columns = np.flatnonzero(bright.any(0))
    assert columns.min() < 80 and columns.max() > 240
    view.release_drawing()


def test_from_the_front_the_patients_right_is_on_the_left(qtbot, scene):
    view = TeethView(scene)
    qtbot.addWidget(view)
    for number in (11, 12, 13, 21, 22, 23):
        ink = "CONTACT_DEEP" if fdi.is_right(number) else "CONTACT_LIGHT"
        scene.set_paint(number, colour_maps.labels(np.ones(len(scene.meshes[number].vertices)), {1: ink}))
    shot = pixels(view.picture(300, 200, Camera().fitted(scene.points(), (300, 200)), layers=False))
    red = np.argwhere(shot[..., 0] > shot[..., 1] + 90)
    green = np.argwhere(shot[..., 1] > shot[..., 0] + 40)
    assert red[:, 1].mean() < 150 < green[:, 1].mean()
    view.release_drawing()


def test_linked_views_share_one_camera(qtbot, balls):
    views = LinkedViews(balls, TeethScene())
    qtbot.addWidget(views)
    views.resize(400, 200)
    views.show()
    views.first.set_camera(views.first.camera.orbited(40, 10))
    assert views.second.camera == views.first.camera
    views.second.set_camera(views.second.camera.orbited(-10, 10))
    assert views.first.camera == views.second.camera


def test_closing_leaves_no_vtk_object(qtbot, balls):
    before = vtk_alive()
    view = TeethView(balls)
    qtbot.addWidget(view)
    view.resize(300, 200)
    view.show()
    view.scene.set_selected([11])
    view.scene.set_ghost({21: np.diag([1, 1, 1, 1.0])})
    qtbot.waitUntil(lambda: view._frame is not None)
    view.pick(150, 100)
    assert len(vtk_alive()) > len(before)
    view.close()
    assert vtk_alive() == before


def test_a_view_that_is_destroyed_with_its_window_gives_vtk_back(qtbot, balls):
    from PySide6.QtWidgets import QMainWindow
    from shiboken6 import delete
    before = vtk_alive()
    window = QMainWindow()
    view = TeethView(balls)
    window.setCentralWidget(view)
    window.show()
    QTest.qWaitForWindowExposed(window)
    view.grab()
    delete(window)
    del view, window
    assert vtk_alive() == before
    balls.set_selected([11])  # its scene lives on and tells nobody
    assert not balls.on_change


def test_a_machine_without_opengl_is_told_what_to_do(qtbot, balls, monkeypatch):
    from engines.job import EngineError

    def fail(*args, **more):
        raise EngineError("No OpenGL.", remedy="Install it.")
    view = TeethView(balls)
    qtbot.addWidget(view)
    monkeypatch.setattr(view._drawing, "render", fail)
    with qtbot.waitSignal(view.failed) as said:
        view.show()
    assert said.args == ["No OpenGL.", "Install it."]
    view.repaint()


def test_a_standard_view_glides_unless_less_motion_is_asked_for(view, qtbot, monkeypatch):
    monkeypatch.setattr(mesh_view, "motion_allowed", lambda widget: True)
    view.look("right")
    assert view.camera.yaw != pytest.approx(-90)
    qtbot.waitUntil(lambda: view.camera.yaw == pytest.approx(-90), timeout=3000)
    monkeypatch.setattr(mesh_view, "motion_allowed", lambda widget: False)
    view.look("left")
    assert view.camera.yaw == pytest.approx(90)


def test_marks_and_lines_are_painted_where_they_stand(view):
    view.marks.set_marks([Mark("point", (5, -4, 5), 21, ink="bad", shown="MB")], [Line(((-5, -4, 5), (5, -4, 5)), ink="good", text="10 mm")])
    with_marks = pixels(view.picture(400, 300))
    without = pixels(view.picture(400, 300, layers=False))
    changed = np.abs(with_marks - without).sum(-1) > 40
    place = at(view, 21)
    assert changed[place.y() - 2:place.y() + 3, place.x() - 2:place.x() + 3].all()
    middle = (at(view, 11).x() + place.x()) // 2
    assert changed[place.y() - 2:place.y() + 3, middle].any()


def test_pictures_of_all_views_come_without_a_window_and_leave_the_scene_as_it_was(qtbot, balls):
    from widgets.teeth.pictures import pictures
    before = vtk_alive()
    made = pictures(balls, width=160, height=120, text=str)
    assert set(made) == {"front", "right", "left", "upper", "lower", "back"}
    for image in made.values():
        assert (image.width(), image.height()) == (160, 120)
        assert (pixels(image).min(-1) > 110).any()
    assert balls.shown_jaws == "both" and not balls.on_change
    assert vtk_alive() == before
