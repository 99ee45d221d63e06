"""The headless commands, one module a topic; each offers `add_parsers(subparsers)` and imports its engine when it runs."""

from typing import Any

COMMANDS = ("app.commands.guidance", "app.commands.grid", "app.commands.atlas", "app.commands.fetch", "app.commands.measure", "app.commands.tune",
            "app.commands.quality", "app.commands.bench_guidance", "app.commands.bench_gui", "app.commands.check", "app.commands.teeth",
            "app.commands.bench_teeth_view", "app.commands.teeth_fit", "app.commands.bench_teeth", "app.commands.teeth_measure",
            "app.commands.teeth_stage", "app.commands.teeth_render", "app.commands.teeth_overlay", "app.commands.train_teeth", "app.commands.evaluate_teeth",
            "app.commands.teeth_arrange", "app.commands.gan", "app.commands.train_face")
_HELP = {"train": "train a model", "evaluate": "measure a model", "bench": "measure speed"}


def verbs(subparsers: Any, word: str) -> Any:
    """The sub-subparsers of "train", "evaluate" or "bench", shared by the modules that add to them."""
    made = subparsers.choices.get(word)
    if made is None:
        parser = subparsers.add_parser(word, help=_HELP[word])
        parser.set_defaults(verbs=parser.add_subparsers(metavar="WORKSPACE", required=True))
        made = parser
    return made.get_default("verbs")
