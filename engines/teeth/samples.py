from pathlib import Path

from engines.teeth.case import Case, from_dentition


def rows(folder: Path) -> tuple[tuple[str, str, str], ...]:
    from engines.teeth.dentition import PRESETS

    return tuple((name, name.replace("-", " ").capitalize(), "") for name in PRESETS)


def load(name: str, folder: Path) -> Case:
    from engines.teeth import dentition

    return from_dentition(dentition.generate(dentition.preset(name)), name)
