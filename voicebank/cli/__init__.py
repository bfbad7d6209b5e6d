"""The command line: it parses, calls the public API and reports. Heavy modules load inside the commands."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from voicebank import __version__
from voicebank.cli.assemble import assemble, card
from voicebank.cli.batch import batch
from voicebank.cli.clone import clone, closest
from voicebank.cli.dataset import dataset
from voicebank.cli.demo import demo
from voicebank.cli.evaluate import evaluate
from voicebank.cli.hub import pull, push, search
from voicebank.cli.listing import plugins, voices
from voicebank.cli.say import say
from voicebank.cli.train import train
from voicebank.errors import VoicebankError, needs_extra


class _Group(TyperGroup):
    """Turns the library's errors, which are the user's business and not bugs, into one line and status 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            with needs_extra("clone"):
                return super().invoke(ctx)
        except VoicebankError as error:
            typer.echo(f"voicebank: {error}", err=True)
            raise typer.Exit(2) from error


app = typer.Typer(
    name="voicebank",
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Voices that speak English text, and turn into yours.",
)
for command in (say, batch, voices, plugins, train, assemble, clone, closest, evaluate, card, push, pull, search, demo):
    app.command()(command)
app.add_typer(dataset, name="dataset")


def main() -> None:
    """The console script."""
    app(prog_name="voicebank")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"voicebank {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass
