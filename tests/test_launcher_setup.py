"""What the launcher's set-up asks of pip, with a stand-in for Python: nothing is installed here."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def tree(tmp_path):
    """A checkout in a path with a space, as the launcher sees it."""
    folder = tmp_path / "my checkout"
    folder.mkdir()
    for name in ("vernier", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    return folder


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def start(tree, *words, pip):
    """Starts the launcher with a Python whose `-m pip` runs `pip`; its calls are noted in a file `pip` beside the checkout."""
    fake = script(tree.parent / "fake python", f'''
case "$*" in
    *"-m venv"*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; cp "$0" "$3/bin/vernier"; echo "$3" >"$3/bin/activate" ;;
    *"-m pip"*) echo "$@" >>"{tree.parent}/pip"; {pip} ;;
    *"version("*) exit 1 ;;
esac''')
    script(tree.parent / "bin/nvidia-smi", "exit 1")
    environment = {key: value for key, value in os.environ.items() if key != "CI"}
    environment |= {"PYTHON": str(fake), "PATH": f"{tree.parent / 'bin'}:{os.environ['PATH']}", "TORCH_CPU_INDEX": "https://cpu.example"}
    return subprocess.run([tree / "vernier", *words], env=environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


def calls(tree) -> list[str]:
    return (tree.parent / "pip").read_text().splitlines()


def test_the_cpu_build_is_taken_or_looked_for_in_its_index_and_a_stamp_is_left(tree):
    pip = 'case "$*" in *index*|*"-e"*) ;; *) exit 1 ;; esac'
    done = start(tree, "setup", pip=pip)
    assert done.returncode == 0 and done.stderr.splitlines()[-1] == "vernier: ready", done.stderr
    assert calls(tree) == ["-m pip install torch==2.13.0+cpu", "-m pip install torch==2.13.0+cpu --extra-index-url https://cpu.example",
                           f"-m pip install -e {tree}"]
    assert start(tree, "setup", pip=pip).stderr == ""
    start(tree, "test", pip=pip)
    assert calls(tree)[-1] == f"-m pip install -e {tree}[test]"


def test_cuda_excludes_the_cpu_build_that_would_win(tree):
    assert start(tree, "--cuda", "setup", pip=":").returncode == 0
    assert "!=2.13.0+cpu" in calls(tree)[0]


def test_a_failed_set_up_says_why_and_leaves_no_stamp(tree):
    done = start(tree, "setup", pip="echo no route to host; exit 1")
    assert done.returncode == 1 and "no route to host" in done.stderr and "PyTorch could not be installed" in done.stderr
    assert not (tree / ".venv/vernier-setup").exists()


def test_a_package_that_was_cut_off_is_forgotten_so_that_pip_installs_it_again(tree):
    start(tree, "setup", pip=":")
    (tree / ".venv/vernier-setup").unlink()
    site = tree / ".venv/lib/python3.11/site-packages"
    for name in ("half", "whole"):
        (site / f"{name}-1.dist-info").mkdir(parents=True)
    (site / "whole-1.dist-info/RECORD").touch()
    assert start(tree, "setup", pip=":").returncode == 0
    assert [path.name for path in site.iterdir()] == ["whole-1.dist-info"]
