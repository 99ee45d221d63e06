"""vernier quality and the new options of vernier evaluate guidance: what is read, said and refused."""

import pytest

from engines.guidance.quality import QualityTask
from engines.guidance.quality_table import Measured, Row, Table


@pytest.fixture
def asked(monkeypatch):
    """The tasks that the command carries out; each is answered with a small table."""
    tasks = []
    rows = tuple(Row(s, 10, "cfg", tuned, 0, 10, 20.0, 0.9, f) for s, tuned, f in (("ddim", False, 30.0), ("ddim", True, 20.0), ("dpmpp-2m", False, 12.0)))
    table = Table("fashion-mnist", "abc", (Measured(2.0, 500, None, "", rows[:1]), Measured(2.0, 1000, (8.0, 0.1), "", rows)))
    monkeypatch.setattr(QualityTask, "carry_out", lambda task, engine, job: tasks.append(task) or table)
    return tasks


def test_the_command_measures_what_it_is_asked_and_names_the_best(vernier, asked, tmp_path):
    status, found = vernier("quality", "--model", "fashion-mnist", "--gamma1", 2, "--steps", "5,10", "--sampler", "ddim,dpmpp-2m", "--mode", "cfg,recfg",
                            "--tuned", "plain,tuned", "--threads", "1", "--count", 1004, "--seeds", "0,1",
                            "--out", tmp_path / "q.json", "--best", 20, "--best", 4)
    assert status == 0 and (found["count"], found["floor"], found["measure"], len(found["points"])) == (1000, [8.0, 0.1], "frechet", 3)
    assert [(b["at_most"], b["point"] and b["point"]["sampler"]) for b in found["best"]] == [(20.0, "dpmpp-2m"), (4.0, None)]
    assert found["beaten"] == [{"plain": ["dpmpp-2m", 10, "cfg", False], "tuned": ["ddim", 10, "cfg", True]}]
    task, = asked
    assert (task.steps, task.samplers, task.modes, task.tuned, task.seeds) == ((5, 10), ("ddim", "dpmpp-2m"), ("cfg", "recfg"), (False, True), (0, 1))
    assert not task.lenient and str(tmp_path) not in task.command
    assert task.command.startswith("vernier quality --model fashion-mnist --gamma1 2 --steps 5,10") and "--tuned plain,tuned" in task.command


def test_a_share_draws_alone(vernier, asked, tmp_path):
    status, found = vernier("quality", "--model", "fashion-mnist", "--out", tmp_path / "q.json", "--work", tmp_path / "w", "--share", "2/3")
    assert status == 0 and asked[0].share == (1, 3) and "points" not in found
    assert vernier("quality", "--model", "fashion-mnist", "--out", tmp_path / "q.json", "--share", "4/3")[0] == 1


def test_a_toy_has_nothing_to_be_measured_against(vernier, tmp_path):
    status, found = vernier("quality", "--model", "toy-gauss", "--out", tmp_path / "q.json")
    assert status == 1 and "nothing to measure" in found["error"] and not (tmp_path / "q.json").exists()


@pytest.mark.parametrize("words", [("quality", "--model", "toy-gauss", "--out", "q.json", "--sampler", "nonesuch"),
                                   ("quality", "--model", "toy-gauss", "--out", "q.json", "--tuned", "both"),
                                   ("evaluate", "guidance", "--model", "toy-gauss", "--sampler", "ddim,nonesuch")])
def test_an_unknown_word_is_wrong_usage(words, capsys):
    from app import cli

    assert cli.main(list(words)) == 2 and "is none of" in capsys.readouterr().err
