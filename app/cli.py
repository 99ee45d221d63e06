"""The command line: `vernier` opens the window, `vernier COMMAND` works without one.

Progress goes to stderr, one JSON object to stdout. Exit: 0 done, 1 failed {"error", "remedy"}, 2 wrong usage,
130 cancelled {"cancelled": true}. Under torchrun only the first process writes to stdout.
"""

import argparse
import json
import math
import os
import re
import signal
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

from app.commands import COMMANDS
from engines.job import Cancelled, EngineError, Job

OPTIONS = {"gamma_1": "--gamma1", "gamma_0": "--gamma0", "label": "--class", "label_2": "--blend-with", "curve_1": "--curve1",
           "curve_0": "--curve0"}  # of fields of a request whose option has another name; the rest differ by a hyphen
EVERY_S = 1.0  # between two lines of progress where stderr is no terminal


def main(argv: list[str] | None = None) -> int:
    """The exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or _all_files(arguments):
        from app.main import main as open_window

        return open_window(tuple(Path(name) for name in arguments))
    parser = build_parser()
    try:
        args = parser.parse_args(arguments)
    except SystemExit as end:  # argparse has said why on stderr
        return int(end.code or 0)
    return _run(args, arguments)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vernier", description="Without a command the window opens. FILES are opened in it.",
                                     epilog="Every command prints one JSON object.")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        import_module(name).add_parsers(subparsers)
    return parser


def _all_files(arguments: list[str]) -> bool:
    return all(not word.startswith("-") and Path(word).suffix and Path(word).exists() for word in arguments)


def _as_typed(told: str, arguments: list[str]) -> str:
    """What an error says of a field of the request, said of the option it came from, where the person typed that one."""
    field = re.match(r"\w+(?= (?:is|from) )", told)
    option = field and OPTIONS.get(field[0], f"--{field[0].replace('_', '-')}")
    return option + told[field.end():] if option in {word.partition("=")[0] for word in arguments} else told


def _run(args: argparse.Namespace, arguments: list[str]) -> int:
    job = Job(Progress())

    def stop(number: int, frame: Any) -> None:
        job.cancelled = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        result, status = args.run(args, job), 0
    except Cancelled:
        result, status = {"cancelled": True}, 130
    except EngineError as error:
        result, status = {"error": _as_typed(str(error), arguments), "remedy": error.remedy}, 1
    except Exception as error:  # a bug: the trace for the report, the object for the script
        traceback.print_exc()
        result, status = {"error": f"{type(error).__name__}: {error}", "remedy": "Please report this with the lines above."}, 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if int(os.environ.get("RANK", 0)) == 0:
        job.tell("end", ())
        print(json.dumps(_finite(result), default=str))
    status = status or int(result.get("_exit", 0))
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        from engines.parallel import leave

        leave(status)
    return status


def _finite(value: Any) -> Any:
    """Strict JSON knows no infinity and no NaN."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items() if key != "_exit"}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Progress:
    """Writes what a job tells to stderr: one line that is rewritten on a terminal, one a second elsewhere."""

    def __init__(self) -> None:
        self._last, self._open = 0.0, False

    def __call__(self, kind: str, values: tuple) -> None:
        now = time.monotonic()
        terminal = sys.stderr.isatty()
        if kind == "progress" and now - self._last >= (0.1 if terminal else EVERY_S):
            self._last, (part, text) = now, values
            line = f"{part:4.0%}  {text}"
            sys.stderr.write(f"\r\033[K{line[:110]}" if terminal else f"{line}\n")
            self._open = terminal
        elif kind == "end" and self._open:
            sys.stderr.write("\r\033[K")
        sys.stderr.flush()
