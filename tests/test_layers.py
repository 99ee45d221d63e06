"""app -> widgets -> engines -> nothing of ours; Qt and the heavy libraries only where they belong."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {"app": {"app", "widgets", "engines", "resources"}, "widgets": {"widgets", "engines", "resources"}, "engines": {"engines"}, "resources": set()}
HEAVY = ("torch", "diffusers", "pyqtgraph", "cv2", "pyvista", "scipy")


def modules():
    return [path for layer in ALLOWED for path in sorted((ROOT / layer).rglob("*.py"))]


def imports(path: Path, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    nodes = ast.iter_child_nodes(tree) if top_level_only else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_layer_imports_only_what_lies_below_it(path):
    layer = path.relative_to(ROOT).parts[0]
    ours = {name.split(".")[0] for name in imports(path)} & set(ALLOWED)
    assert ours <= ALLOWED[layer]


@pytest.mark.parametrize("path", [path for path in modules() if path.is_relative_to(ROOT / "engines")], ids=lambda path: path.name)
def test_engines_know_no_qt_but_the_worker_its_core(path):
    qt = {name for name in imports(path) if name.split(".")[0] in ("PySide6", "shiboken6")}
    allowed = ("PySide6.QtCore",) if path == ROOT / "engines/worker.py" else ()
    assert all(name.startswith(allowed) for name in qt) if allowed else not qt


@pytest.mark.parametrize("path", [path for path in modules() if path.is_relative_to(ROOT / "widgets")], ids=lambda path: path.name)
def test_widgets_never_see_torch_and_hold_no_colour(path):
    assert not {name for name in imports(path) if name.split(".")[0] == "torch"}
    assert not {name for name in imports(path, top_level_only=True) if name.split(".")[0] in HEAVY}
    if path.name != "tokens.py":
        words = [node.value for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        assert not [word for word in words if len(word) in (4, 7) and word[0] == "#" and set(word[1:]) <= set("0123456789abcdefABCDEF")]


def test_the_window_opens_without_heavy_libraries():
    code = ("import sys, app.main, widgets.guidance.workspace, app.cli\n"
            f"print([name for name in {HEAVY!r} if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
