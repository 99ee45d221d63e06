"""The launcher without installing anything: its shell, its stamp, its answers."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(os.name != "posix", reason="the launcher is a POSIX shell script")


@pytest.fixture
def fresh(tmp_path):
    """A checkout in a folder with a space, without an environment."""
    folder = tmp_path / "my folder"
    folder.mkdir()
    for name in ("vernier", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def run(folder, *words, **environment):
    return subprocess.run(["sh", str(folder / "vernier"), *words], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          env={"PATH": os.environ["PATH"], "HOME": str(folder)} | environment)


def test_the_script_is_posix_shell_and_executable():
    assert subprocess.run(["sh", "-n", str(ROOT / "vernier")]).returncode == 0
    assert os.access(ROOT / "vernier", os.X_OK) and os.access(ROOT / ".ci/run", os.X_OK)


def test_help_needs_no_set_up(fresh):
    done = run(fresh, "--help")
    assert done.returncode == 0 and "vernier test" in done.stdout + done.stderr and not (fresh / ".venv").exists()


def test_a_python_that_will_not_do_is_refused_in_words(fresh):
    done = run(fresh, "setup", PYTHON="/bin/false")
    assert done.returncode == 1 and "/bin/false" in done.stderr and "3.11" in done.stderr


def ready(folder):
    """An environment that a finished set-up would have left."""
    programs = folder / ".venv/bin"
    programs.mkdir(parents=True)
    for name in ("vernier", "python"):
        (programs / name).write_text('#!/bin/sh\nprintf "%s|" "$(basename "$0")" "$@"\n')
        (programs / name).chmod(0o755)
    script = (folder / "vernier").read_text()
    line = next(line for line in script.splitlines() if line.startswith("stamp="))
    stamp = subprocess.run(["sh", "-c", f'here="$1"; venv="$1/.venv"; {line}; printf %s "$stamp"', "sh", str(folder)], capture_output=True, text=True).stdout
    total = subprocess.run(["cksum"], stdin=(folder / "pyproject.toml").open("rb"), capture_output=True, text=True).stdout.strip()
    Path(stamp).write_text(f"{total} cpu [test] {folder}\n")
    return folder


def test_a_second_start_skips_the_set_up_and_hands_everything_over(fresh):
    done = run(ready(fresh), "sample", "--out", "a b")
    assert done.stdout == "vernier|sample|--out|a b|" and done.stderr == ""


def test_the_tests_are_run_by_pytest_in_the_checkout(fresh):
    assert run(ready(fresh), "test", "-k", "one").stdout == "python|-m|pytest|-k|one|"


def test_changed_requirements_are_noticed(fresh):
    (ready(fresh) / "pyproject.toml").write_text("[project]\n")
    assert run(fresh, "setup", PYTHON="/bin/false").returncode == 1


def test_ci_calls_the_test_command_and_nothing_else():
    lines = [line for line in (ROOT / ".ci/run").read_text().splitlines() if line and not line.startswith(("#", "set ", "cd "))]
    assert len(lines) == 1 and "./vernier test" in lines[0]
    assert "./vernier test" in (ROOT / "README.md").read_text("utf-8")
