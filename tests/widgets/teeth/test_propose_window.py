"""Propose in the Teeth workspace: asked, watched, looked at, applied, taken back; with a tiny network that this file makes itself."""

import json
import threading

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from test_teeth_workspace import Background, Lane

from app.documents import Document
from engines.job import Cancelled, EngineError, Job
from engines.teeth import propose
from engines.teeth.engine import TeethEngine
from engines.teeth.moves import Move
from engines.teeth.poses import poses_of
from engines.teeth.request import SAMPLE, CaseSource, TeethRequest
from engines.teeth.tasks import FinishTask, ProposeTask
from engines.worker import BackgroundWorker
from widgets.teeth import thumbnails
from widgets.teeth.propose_panel import Settings
from widgets.teeth.workspace import TeethWorkspace


class Watched(Background):
    """Tasks wait until `work`; news and progress arrive while they are done, and a cancelled one ends at its next step."""

    def work(self, many=99):
        while self.tasks and many:
            ticket, task = next(iter(self.tasks.items()))
            job = Job(lambda kind, values, ticket=ticket: self._tell(ticket, kind, values, job))  # noqa: B023
            many -= 1
            try:
                result = task.carry_out(self.engine, job)
            except Cancelled:
                continue
            except EngineError as error:
                self.tasks.pop(ticket, None)
                self.failed.emit(ticket, error)
                continue
            if self.tasks.pop(ticket, None) is not None:
                self.done.emit(ticket, result)

    def _tell(self, ticket, kind, values, job):
        if ticket in self.tasks and kind in ("news", "progress"):
            getattr(self, kind).emit(ticket, *values)
        job.cancelled = ticket not in self.tasks


class Bench:
    def __init__(self, samples, engine, weights, background=None):
        self.document, self.lane = Document(TeethRequest()), Lane(engine)
        self.background = background or Watched(engine)
        self.workspace = TeethWorkspace(self.document, self.lane, self.background, samples, weights)
        self.said = []
        self.workspace.noticed.connect(lambda *what: self.said.append(what))
        self.workspace.resize(1200, 800)
        self.workspace.start()
        self.proposals, self.stage = self.workspace.proposals, self.workspace.stage

    @property
    def plan(self):
        return self.document.request.plan

    @property
    def undo(self):
        return self.document.undo_stack

    def propose(self, **settings):
        """Asks, and lets the background work; few proposals and no refinement, for speed."""
        self.proposals.set_settings(Settings(**({"proposals": 2, "refine": 0.0} | settings)))
        self.workspace.commands()["teeth.propose"]()
        self.background.work()

    def stand(self, number):
        return self.stage.scene.poses[number]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A folder with a tiny network of random weights under the name that ships."""
    import torch
    from safetensors.torch import save_file

    from engines.teeth import arranger, tadpm

    torch.manual_seed(0)
    net = tadpm.Tadpm(tadpm.TINY)
    tensors = {name: (p + .05 * torch.randn_like(p)).detach().half().contiguous() for name, p in net.named_parameters()}
    folder = tmp_path_factory.mktemp("weights")
    save_file(tensors, folder / arranger.SHIPPED,
              {"vernier": json.dumps({"vernier": "teeth-arrangement", "model": "tadpm", "config": tadpm.TINY.to_dict()})})
    return folder


@pytest.fixture(scope="module")
def engine(pytestconfig):
    return TeethEngine(pytestconfig.rootpath / "resources" / "samples" / "teeth")


@pytest.fixture
def samples(pytestconfig):
    return pytestconfig.rootpath / "resources" / "samples" / "teeth"


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    real = Settings.ask
    monkeypatch.setattr(Settings, "ask", lambda self: propose.Ask(**(vars(real(self)) | {"steps": 3})))


@pytest.fixture
def pictures(monkeypatch):
    """Thumbnails that ask for nothing: for tests that are not about them."""
    asked = []
    monkeypatch.setattr(thumbnails.Thumbnails, "ask", lambda self, *what: asked.append(what))
    return asked


@pytest.fixture
def bench(qtbot, samples, engine, weights, pictures):
    made = Bench(samples, engine, weights)
    qtbot.addWidget(made.workspace)
    made.background.work()
    return made


def test_the_teeth_move_with_every_step_and_the_consensus_is_shown_but_is_not_the_plan(bench, pictures):
    seen, starts = [], bench.stand(13).copy()
    bench.background.news.connect(lambda ticket, step: seen.append((step.k, bench.proposals.strip.title.text(), bench.stand(13).copy())))
    bench.propose()
    assert [(k, title) for k, title, _ in seen] == [(k, f"Proposing: step {k} of 3") for k in (1, 2, 3)]
    assert not np.allclose(seen[0][2], starts)
    assert bench.proposals.current == "consensus" and bench.stage.strip() is bench.proposals.strip
    assert np.allclose(bench.stand(13), bench.proposals.offer.setup("consensus").poses[13], atol=1e-6)
    assert bench.plan.moves == () and bench.undo.count() == 0 and "not the plan" in bench.stage.plans.text()
    assert bench.workspace.insight.current() == "Setups" and not bench.stage.view.gizmo.enabled
    assert [key for key, _ in pictures[-1][1]] == ["start", "fit", "consensus", "2"]
    assert bench.lane.asked[-1].request.plan.moves == bench.proposals.moves  # measures and contacts are those of what is in sight


def test_a_card_shows_its_setup_and_the_table_sets_it_beside_start_and_arch_fit(bench):
    bench.propose()
    page, offer = bench.proposals.page, bench.proposals.offer
    QTest.mouseClick(page.cards, Qt.MouseButton.LeftButton, pos=page.cards.place(3).center().toPoint())
    assert bench.proposals.current == "2" and np.allclose(bench.stand(13), offer.setup("2").poses[13], atol=1e-6)
    assert [column.name for column in page.table.columns] == ["Start", "Arch-fit", "Proposal 2"]
    assert page.verdict.text() == "\n".join(offer.verdict) and "arch-fit" in page.verdict.text()
    bench.proposals.strip.next.click()
    assert bench.proposals.current == "start" and not bench.proposals.strip.all.isEnabled()
    bench.proposals.choose("fit")
    assert "without the model" in bench.proposals.strip.words.text()


def test_the_method_is_named_on_screen_as_what_it_is(bench):
    assert bench.proposals.panel.method.text() == "Blend (half the model, half the arch-fit)"
    bench.propose(mode="hybrid")
    assert bench.proposals.panel.method.text() == "Hybrid (learned rotation, arch-fit positions)"
    assert bench.proposals.strip.words.text().startswith("Hybrid (learned rotation, arch-fit positions)")
    assert "Proposal, planned, not a medical device" in bench.proposals.strip.words.text()


def test_applying_is_one_undo_step_and_the_plan_remembers_where_it_came_from(bench, weights):
    from engines.teeth.arranger import SHIPPED
    from engines.weights import sha256

    bench.propose(seed=7)
    shown = dict(bench.proposals.moves)
    bench.proposals.strip.all.click()
    made = bench.plan.made
    assert bench.undo.count() == 1 and dict(bench.plan.moves) == shown and bench.proposals.moves is None and bench.stage.strip() is None
    assert (made.setup, made.seed, made.mode, made.strength, made.sha256) == ("Consensus", 7, "blend", 1.0, sha256(weights / SHIPPED))
    assert "half the model" in bench.stage.plans.text() and bench.proposals.offer is not None
    bench.undo.undo()
    assert bench.plan.moves == () and bench.plan.made is None and np.array_equal(bench.stand(13), np.eye(4))


def test_only_the_selected_teeth_take_it_when_that_is_asked(bench):
    bench.propose()
    assert not bench.proposals.strip.some.isEnabled()
    bench.workspace.pick(13, False)
    bench.workspace.pick(23, True)
    bench.proposals.strip.some.click()
    assert {number for number, _ in bench.plan.moves} == {13, 23} and bench.undo.count() == 1
    assert bench.plan.made.teeth == (13, 23) and bench.plan.origin == "by hand, in part blend: half the model, half the arch-fit"


def test_locked_teeth_stay_bitwise_where_they_are_in_every_preview_and_in_the_plan(bench):
    bench.workspace.pick(16, False)
    bench.workspace.tooth.sliders["mesial"]._propose(.7)
    bench.workspace.commands()["teeth.lock"]()
    before = bench.stand(16).copy()
    seen = []
    bench.background.news.connect(lambda ticket, step: seen.append(bench.stand(16).copy()))
    bench.propose()
    for key in ("start", "fit", "2", "consensus"):
        bench.proposals.choose(key)
        seen.append(bench.stand(16).copy())
    bench.proposals.apply()
    assert len(seen) == 7 and all(np.array_equal(pose, before) for pose in seen)
    assert np.array_equal(poses_of(bench.workspace.case, bench.plan)[16], before) and len(bench.plan.moves) > 20


def test_with_selected_teeth_alone_the_others_do_not_move(bench):
    bench.propose(scope="selected")
    assert "No tooth is selected" in bench.said[-1][1] and bench.proposals.offer is None
    bench.workspace.pick(11, False)
    bench.propose(scope="selected")
    assert bench.proposals.offer.free == (11,)
    assert all(np.array_equal(bench.stand(number), np.eye(4)) for number in bench.workspace.case.teeth if number != 11)


def test_strength_moves_the_preview_at_once_and_the_numbers_follow_without_the_network(bench, monkeypatch):
    bench.propose()
    whole, far = bench.stand(13)[:3, 3].copy(), bench.proposals.offer.best.numbers.most_mm
    monkeypatch.setattr(propose, "drawn", None)
    bench.proposals.panel.strength._propose(50.0)
    assert 0 < np.linalg.norm(bench.stand(13)[:3, 3]) < np.linalg.norm(whole) and "strength 50 %" in bench.proposals.strip.words.text()
    bench.proposals._finish()
    assert isinstance(next(reversed(bench.background.tasks.values())), FinishTask)
    bench.background.work()
    assert bench.proposals.offer.ask.strength == .5 and bench.proposals.offer.best.numbers.most_mm < .8 * far and bench.proposals.current == "consensus"
    bench.proposals.panel.mode.buttons["network"].click()
    bench.proposals._finish()
    bench.background.work()
    assert bench.proposals.offer.ask.mode == "network" and bench.undo.count() == 0
    assert bench.proposals.panel.method.text() == "Network alone (learned rotation and position)"


def test_a_cancel_returns_everything_within_one_step(bench):
    seen = []

    def stop(ticket, step):
        seen.append(step.k)
        bench.workspace.escape()
    bench.background.news.connect(stop)
    bench.propose()
    assert seen == [1] and bench.proposals.offer is None and bench.proposals.moves is None and not bench.proposals.running
    assert np.array_equal(bench.stand(13), np.eye(4)) and bench.stage.strip() is None and bench.proposals.panel.button.text() == "Propose"


def test_a_stopped_second_run_leaves_the_first_ones_setups(bench):
    bench.propose()
    first = bench.proposals.offer
    bench.workspace.commands()["teeth.propose"]()
    assert bench.proposals.running and bench.proposals.panel.button.text() == "Stop" and bench.proposals.moves is None
    bench.proposals.panel.button.click()
    bench.background.work()
    assert bench.proposals.offer is first and not bench.proposals.running


def test_a_move_by_hand_ends_the_preview_and_keeps_the_setups(bench):
    bench.propose()
    bench.workspace.pick(36, False)
    bench.workspace.tooth.sliders["buccal"]._propose(1.0)
    assert bench.proposals.moves is None and bench.proposals.offer is not None and bench.plan.moves == ((36, Move(buccal=1.0)),)
    assert np.array_equal(bench.stand(13), np.eye(4))
    assert bench.stage.timeline.share == 1 and bench.stage.view.gizmo.enabled


def test_setups_go_when_what_may_move_has_changed_and_when_the_case_has(bench):
    bench.propose()
    bench.workspace.pick(36, False)
    bench.workspace.commands()["teeth.extract"]()
    assert bench.proposals.offer is None and "Propose again" in bench.proposals.page.empty.text() and not bench.proposals.page.empty.isHidden()
    bench.propose()
    assert bench.proposals.offer is not None
    bench.document.replace(TeethRequest(case=CaseSource(SAMPLE + "diastema")), "open diastema")
    assert bench.proposals.offer is None and bench.proposals.moves is None and bench.workspace.case is not None


def test_a_result_for_a_case_that_is_gone_is_not_shown(bench):
    bench.proposals.set_settings(Settings(proposals=2))
    bench.workspace.commands()["teeth.propose"]()
    bench.document.replace(TeethRequest(case=CaseSource(SAMPLE + "diastema")), "open diastema")
    assert not bench.proposals.running and not any(isinstance(task, ProposeTask) for task in bench.background.tasks.values())
    bench.background.work()
    assert bench.proposals.offer is None


def test_another_strip_ends_the_preview(bench):
    bench.propose()
    bench.workspace.commands()["teeth.orient"]()
    assert bench.proposals.moves is None and bench.stage.strip() is not None and bench.stage.strip() is not bench.proposals.strip
    assert bench.workspace.escape() and bench.stage.strip() is None


def test_escape_closes_the_preview_before_anything_else(bench):
    bench.propose()
    bench.workspace.pick(13, False)
    assert bench.workspace.escape() and bench.proposals.moves is None and bench.workspace.selected == (13,)


def test_agreement_is_a_colour_map_with_a_legend_in_mm_and_degrees(bench):
    bench.stage.switch("agreement", True)
    assert "propose" in bench.stage.legend.text()
    bench.propose()
    painted = {number: bench.stage.scene._paint[number] for number in bench.workspace.case.teeth}
    assert all(len(np.unique(rows, axis=0)) == 1 for rows in painted.values())  # one colour a tooth
    spread = bench.proposals.offer.proposals
    least = max(spread.spread_mm, key=lambda n: max(spread.spread_mm[n] / 1.0, spread.spread_deg[n] / 10.0))
    assert "0 to 1 mm or 10\N{DEGREE SIGN} apart" in bench.stage.legend.text() and (f"{least}:" in bench.stage.legend.text() or spread.spread_deg[least] > 10)
    bench.workspace.pick(36, False)
    assert f"36: {spread.spread_mm[36]:.1f} mm, {spread.spread_deg[36]:.0f}\N{DEGREE SIGN}" in bench.stage.legend.text()
    bench.stage.switch("distance", True)
    assert not bench.stage.switches["agreement"].isChecked()


def test_again_from_here_is_off_and_warns_and_begins_where_the_plan_is(bench):
    assert not bench.proposals.panel.again.isChecked() and bench.proposals.panel.warning.isHidden()
    bench.workspace.pick(36, False)
    bench.workspace.tooth.sliders["buccal"]._propose(1.0)
    bench.propose()
    assert np.array_equal(bench.proposals.offer.begin[36], np.eye(4))
    bench.proposals.panel.again.setChecked(True)
    assert not bench.proposals.panel.warning.isHidden() and "drifted" in bench.proposals.panel.again.toolTip()
    bench.propose(again=True)
    assert bench.proposals.offer.begin[36][:3, 3] @ bench.workspace.case.teeth[36].axis("buccal") == pytest.approx(1.0, abs=1e-6)


def test_without_a_model_the_control_is_off_and_says_why_and_how_to_get_one(qtbot, samples, engine, weights, tmp_path, pictures):
    bench = Bench(samples, engine, tmp_path)
    qtbot.addWidget(bench.workspace)
    panel = bench.proposals.panel
    assert not panel.button.isEnabled() and "No trained arrangement model" in panel.button.toolTip() and "vernier train teeth" in panel.button.toolTip()
    bench.workspace.commands()["teeth.propose"]()
    assert "No trained" in bench.said[-1][1] and bench.said[-1][2] and not bench.proposals.running
    bench.proposals.use_model(str(weights / "teeth.safetensors"))
    assert panel.button.isEnabled() and "teeth.safetensors" in panel.model.text()
    bench.propose(model=str(weights / "teeth.safetensors"))
    assert bench.proposals.offer is not None
    panel.shipped.click()
    assert panel.settings.model == "" and not panel.button.isEnabled()


def test_a_spoilt_weights_file_is_an_error_for_a_notice_and_the_workspace_lives_on(qtbot, samples, engine, tmp_path, pictures):
    (tmp_path / "teeth.safetensors").write_bytes(b"\x80\0\0\0\0\0\0\0not what it was")
    bench = Bench(samples, engine, tmp_path)
    qtbot.addWidget(bench.workspace)
    errors = []
    bench.background.failed.connect(lambda ticket, error: errors.append(error))
    bench.propose()
    assert "teeth.safetensors" in str(errors[0]) and errors[0].remedy and not bench.proposals.running
    bench.workspace.pick(11, False)
    bench.workspace.tooth.sliders["buccal"]._propose(1.0)
    assert bench.plan.move(11) == Move(buccal=1.0) and bench.proposals.panel.button.isEnabled()


def test_settings_are_kept_with_the_session_and_nonsense_is_not_believed(bench):
    kept = []
    bench.workspace.kept_changed.connect(lambda: kept.append(bench.workspace.kept()))
    bench.proposals.panel.count._propose(3)
    assert kept[-1]["proposing"]["proposals"] == 3 and bench.undo.count() == 0
    bench.workspace.set_kept({})
    assert bench.proposals.panel.settings == Settings() and bench.workspace.kept() == {}
    bench.workspace.set_kept(json.loads(json.dumps(kept[-1])))
    assert bench.proposals.panel.settings.proposals == 3
    for nonsense in ({"proposals": 99}, {"mode": 3}, {"strength": "x"}, {"scope": "some"}, ["a"], {"seed": -1}):
        bench.workspace.set_kept({"proposing": nonsense})
        assert bench.proposals.panel.settings == Settings()


def test_every_card_gets_its_picture_of_both_jaws_and_the_drawing_is_given_back(qtbot, samples, engine, weights):
    bench = Bench(samples, engine, weights)
    qtbot.addWidget(bench.workspace)
    bench.propose(proposals=1)
    drawing = bench.proposals.thumbnails
    qtbot.waitUntil(lambda: not drawing._clock.isActive(), timeout=60_000)
    found = bench.proposals.page.cards._pictures
    assert {key for key, jaw in found} == {"start", "fit", "1"} and {jaw for _, jaw in found} == {"upper", "lower"} and drawing._view is not None
    bench.proposals.leave()
    assert drawing._view is None
    assert found["start", "upper"] != found["1", "upper"] and not found["start", "upper"].isNull()


@pytest.fixture
def threaded(qtbot, samples, engine, weights, pictures, monkeypatch):
    """The workspace with the real background thread."""
    monkeypatch.setattr("engines.worker.NICE", 0)
    background = BackgroundWorker(engine.carry_out)
    made = Bench(samples, engine, weights, background)
    qtbot.addWidget(made.workspace)
    background.start()
    made.proposals.set_settings(Settings(proposals=1, refine=0.0))
    yield made
    assert background.close(60_000)


def test_a_fit_that_is_asked_while_proposals_are_made_comes_after_them(threaded, qtbot):
    threaded.workspace.commands()["teeth.propose"]()
    threaded.workspace.commands()["teeth.fit"]()
    qtbot.waitUntil(lambda: threaded.proposals.offer is not None and threaded.plan.origin == "arch-fit", timeout=200_000)
    assert threaded.undo.count() == 1 and not threaded.proposals.running and threaded.proposals.moves is None


def test_a_window_that_closes_between_two_steps_ends_at_once_and_loses_nothing(threaded, qtbot, monkeypatch):
    reached, go = threading.Event(), threading.Event()
    real = propose._part

    def paused(*args):
        reached.set()
        assert go.wait(100)
        return real(*args)
    monkeypatch.setattr(propose, "_part", paused)
    threaded.workspace.pick(11, False)
    threaded.workspace.tooth.sliders["buccal"]._propose(1.0)
    threaded.workspace.commands()["teeth.propose"]()
    threaded.workspace.commands()["teeth.fit"]()
    qtbot.waitUntil(reached.is_set, timeout=200_000)
    plan = threaded.plan
    threading.Timer(.1, go.set).start()
    assert threaded.background.close(60_000) and threaded.plan == plan and plan.move(11) == Move(buccal=1.0)
