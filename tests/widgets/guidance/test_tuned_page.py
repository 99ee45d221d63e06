import json
from pathlib import Path

import pytest

import resources
from app.documents import Document
from engines.diffusion import solver_names
from engines.guidance.request import GuidanceRequest, Sampling
from engines.guidance.tune_request import ALL, Trial, TuneRequest, TuneTask, Tuning, evaluations
from tests.widgets.guidance.conftest import Background, Bench, Worker
from widgets.guidance.ratio_editor import plain
from widgets.guidance.workspace import GuidanceWorkspace

TOY = Sampling(model="toy-gauss", sampler="ddim", steps=5, mode="cfg", gamma_1=2.0, count=500)


class Found:
    call, before, after, ratio = 1, 1e-2, 1e-3, 1.05


@pytest.fixture
def desk(qtbot, tmp_path):
    """A bench with a folder for the person's files, on a toy."""
    worker, background, document = Worker(), Background(), Document(GuidanceRequest(TOY))
    workspace = GuidanceWorkspace(document, worker, resources.path("samples"), background, None, tmp_path / "own")
    qtbot.addWidget(workspace)
    workspace.resize(1280, 720)
    workspace.show()
    made = Bench(document, worker, background, workspace)
    workspace.noticed.connect(lambda *words: made.said.append(words))
    workspace.start()
    yield made
    workspace._rest.stop()


def page(desk):
    return desk.workspace.tuning.page


def result(asked):
    return {"schedules": [{"moved": 3, "ratios": [1.0] * 5, "loss": [0.02, 0.01]}], "seconds": 2.0, "out": asked}


def test_the_button_opens_the_page_for_the_side_in_sight_and_escape_leaves(desk):
    desk.workspace.controls.timesteps.tune.click()
    assert desk.workspace.middle.currentWidget() is page(desk)
    assert "DDIM, 5 steps, CFG" in page(desk).what.text() and page(desk).start.isEnabled()
    assert desk.workspace.escape() and desk.workspace.middle.currentIndex() == 0


def test_tuning_writes_into_the_persons_folder_and_is_drawn_with_in_one_undo_step(desk, tmp_path):
    desk.workspace.commands()["guidance.tune"]()
    assert page(desk).objective.buttons[TuneRequest().objective].isChecked()  # the tuner's own default
    page(desk).objective.buttons["teacher"].click()
    page(desk).start.click()
    task, steps = desk.background.tasks[-1], desk.document.undo_stack.count()
    assert isinstance(task, TuneTask) and task.live and Path(task.out) == tmp_path / "own" / "toy-gauss.tuned.json"
    assert task.request == TuneRequest("toy-gauss", ("ddim",), (5,), (None,), (2.0,), "cfg", "teacher")
    ticket = len(desk.background.tasks)
    assert desk.workspace.shows(ticket) and not desk.workspace.shows(ticket + 1)  # a failure is written on the page alone
    desk.background.news.emit(ticket, Trial(0, 1, 0.98, 2.0))
    assert len(page(desk).trials.curves[0].y) == 0  # one trial is no curve
    desk.background.news.emit(ticket, Trial(0, 1, 1.05, 0.5))
    assert list(page(desk).trials.curves[0].y) == [1.0, 0.25]
    desk.background.news.emit(ticket, Tuning(0, 1, TOY, Found(), 4))
    assert page(desk).bars.rows == {1: (1e-2, 1e-3, 1.05)} and "ratio 1.0500" in page(desk).bars.accessibleDescription()
    desk.background.progress.emit(ticket, 0.5, "ddim 5: network call 2 of 4")
    assert page(desk).bar.value() == 500 and desk.workspace.controls.timesteps.tune.text() == "50%"
    desk.background.done.emit(ticket, result(task.out))
    a = desk.document.request.a
    assert a.tuned and a.tuning == task.out and desk.document.undo_stack.count() == steps + 1
    assert "50%" in page(desk).state.text() and not page(desk).running()
    desk.document.undo_stack.undo()
    assert desk.document.request.a == TOY


def test_where_all_calls_are_found_together_the_error_of_the_picture_is_shown_over_rounds(desk):
    desk.workspace.commands()["guidance.tune"]()
    page(desk).objective.buttons["endpoint"].click()
    page(desk).start.click()
    ticket = len(desk.background.tasks)
    for part in (Trial(0, ALL, 1.0, 0.4), Trial(0, ALL, 0.97, 0.1), Tuning(0, 1, TOY, Found(), 4)):
        desk.background.news.emit(ticket, part)
    assert list(page(desk).trials.curves[0].y) == [1.0, 0.25] and page(desk).bars.rows == {0: (1e-2, 1e-3, None)}
    page(desk).bars.grab()
    page(desk).cancel.click()
    assert page(desk).state.text() == "Cancelled."  # nothing is kept to go on from


def test_cancel_ends_it_at_once_and_the_request_stays(desk):
    desk.workspace.commands()["guidance.tune"]()
    page(desk).start.click()
    page(desk).cancel.click()
    assert desk.background.cancelled == [len(desk.background.tasks)]
    assert not page(desk).running() and page(desk).start.isVisibleTo(page(desk)) and desk.document.request.a == TOY


def test_a_failure_is_said_with_its_remedy(desk):
    from engines.job import EngineError

    desk.workspace.commands()["guidance.tune"]()
    page(desk).start.click()
    desk.background.failed.emit(len(desk.background.tasks), EngineError("It broke.", remedy="Mend it."))
    assert page(desk).state.text() == "It broke. Mend it." and not page(desk).running()


def test_a_plain_side_stays_what_the_tuned_one_is_compared_with(desk):
    desk.workspace.commands()["guidance.compare_tuned"]()
    desk.workspace.commands()["guidance.tune"]()
    page(desk).start.click()
    task = desk.background.tasks[-1]
    desk.background.done.emit(len(desk.background.tasks), result(task.out))
    assert desk.document.request.a.tuning == task.out and desk.document.request.b == plain(TOY)


def test_after_a_change_of_steps_the_schedule_is_announced_and_not_forced_on(desk):
    desk.workspace.commands()["guidance.tune"]()
    page(desk).start.click()
    desk.document.replace(GuidanceRequest(Sampling(model="toy-gauss", steps=9, sampler="ddim")), "nine")
    desk.background.done.emit(len(desk.background.tasks), result("x"))
    assert not desk.document.request.a.tuned and "5 steps" in desk.said[-1][1]


def test_tuning_the_same_again_draws_again_what_the_old_file_drew(desk, tmp_path):
    path = str(tmp_path / "own" / "toy-gauss.tuned.json")
    desk.document.replace(GuidanceRequest(Sampling(**TOY.__dict__ | {"tuned": True, "tuning": path})), "tuned")
    key = (desk.document.request.a, None)
    desk.workspace._results[key] = object()
    asked = len(desk.worker.asked)
    desk.workspace.commands()["guidance.tune"]()
    page(desk).start.click()
    desk.background.done.emit(len(desk.background.tasks), result(path))
    assert key not in desk.workspace._results and len(desk.worker.asked) > asked


def test_modes_that_no_single_call_decides_are_tuned_under_cfg_and_it_says_so(desk):
    desk.document.replace(GuidanceRequest(Sampling(**TOY.__dict__ | {"mode": "apg"})), "apg")
    desk.workspace.commands()["guidance.tune"]()
    assert page(desk).request().mode == "cfg" and "tuned under CFG" in page(desk).note.text()


def test_an_objective_that_follows_one_path_is_trained_in_sequence(desk):
    desk.workspace.commands()["guidance.tune"]()
    page(desk).objective.buttons["teacher"].click()
    page(desk).training.buttons["parallel"].click()
    assert page(desk).request().training == "parallel"
    page(desk).objective.buttons["endpoint"].click()
    assert page(desk).request().training == "sequential" and not page(desk).training.buttons["parallel"].isEnabled()


def test_one_step_cannot_be_tuned_and_the_page_says_why(desk):
    desk.document.replace(GuidanceRequest(Sampling(**TOY.__dict__ | {"steps": 1})), "one")
    desk.workspace.commands()["guidance.tune"]()
    assert not page(desk).start.isEnabled() and "2 to 100 steps" in page(desk).price.text()


def test_a_file_of_tuned_timesteps_can_be_opened_and_another_json_is_refused(desk, tmp_path):
    from engines.job import EngineError

    path = tmp_path / "mine.tuned.json"
    path.write_text(json.dumps({"vernier-tuned": 1}))
    assert desk.workspace.open_path(path) and desk.document.request.a.tuning == str(path) and desk.document.request.a.tuned
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(EngineError, match="no.* file of tuned"):
        desk.workspace.open_path(tmp_path / "other.json")


@pytest.mark.parametrize("objective, training", [("teacher", "sequential"), ("teacher", "parallel"), ("trajectory", "sequential"), ("endpoint", "sequential"),
                                                 ("paper", "sequential")])
@pytest.mark.parametrize("sampler", ["ddim", "heun"])
def test_the_estimate_is_what_a_run_asks_within_a_third(objective, training, sampler, tmp_path):
    from engines.guidance.engine import GuidanceEngine
    from engines.job import Job

    request = TuneRequest("toy-gauss", (sampler,), (5,), (None,), (2.0,), objective=objective, training=training, draws=8, iterations=0)
    told = []
    facts = TuneTask(request, str(tmp_path / "x.json"), live=True).carry_out(GuidanceEngine(tmp_path), Job(lambda kind, values: told.append((kind, *values))))
    asked = facts["evaluations"] / 12  # batches of one branch or both
    assert evaluations(request) / 2 == pytest.approx(asked, rel=1 / 3)
    trials = [value for kind, value, *_ in told if kind == "news" and isinstance(value, Trial)]
    found = [value.found for kind, value, *_ in told if kind == "news" and isinstance(value, Tuning)]
    if objective == "endpoint":  # all calls together: the trials are rounds, and the last news has them all
        assert [t.loss for t in trials] == [loss for _, loss, _ in found[-1].tried] and {t.call for t in trials} == {ALL}
        return
    assert [(t.ratio, t.loss) for t in trials if t.call == 1] == [tried[:2] for tried in found[1].tried]
    assert {t.call for t in trials} == set(range(solver_names.evaluations(sampler, 5) - 1))
