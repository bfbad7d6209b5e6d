"""The command line: it parses, calls the public API and reports. Heavy modules load inside the commands."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from voicebank import __version__
from voicebank.cli.batch import batch
from voicebank.cli.clone import clone, closest
from voicebank.cli.dataset import dataset
from voicebank.cli.detect import detect
from voicebank.cli.doctor import doctor
from voicebank.cli.evaluate import evaluate
from voicebank.cli.say import say
from voicebank.cli.serve import serve
from voicebank.cli.train import assemble, card, mix, train
from voicebank.cli.voices import plugins, pull, push, search, voices
from voicebank.errors import PluginError, VoicebankError, VoicebankWarning, needs_extra

# Before NumPy is loaded: see voicebank/dctts/threads.py.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def demo(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on: 0.0.0.0 lets other machines in; 127.0.0.1 if left out.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port; the first free one from 7860 if left out.")
    ] = None,
    browser: Annotated[bool, typer.Option("--open/--no-open", help="Open it in a browser.")] = True,
) -> None:
    """Open the web demo: try the voices, compare them, make your own."""
    try:
        from voicebank_demo.app import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "voicebank_demo":
            raise
        raise PluginError("the demo is a package of its own: pip install voicebank-demo") from error

    serve(host, port, browser)


class _Group(TyperGroup):
    """Turns the library's errors, which are the user's business and not bugs, into one line and status 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            with warnings.catch_warnings(), needs_extra("clone"):
                warnings.simplefilter("always", VoicebankWarning)
                warnings.showwarning = partial(_show, warnings.showwarning)
                return super().invoke(ctx)
        except VoicebankError as error:
            typer.echo(f"voicebank: {error}", err=True)
            raise typer.Exit(2) from error


def _show(
    other: Callable[..., None], message: Warning | str, category: type[Warning], *where: Any, **more: Any
) -> None:
    """Show a warning: one of the library as one line, any other as before."""
    if issubclass(category, VoicebankWarning):
        typer.echo(f"voicebank: {message}", err=True)
    else:
        other(message, category, *where, **more)


app = typer.Typer(
    name="voicebank",
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Voices that speak English text, and turn into yours.",
)
for command in (
    say,
    batch,
    detect,
    voices,
    plugins,
    doctor,
    train,
    assemble,
    clone,
    closest,
    mix,
    evaluate,
    card,
    push,
    pull,
    search,
    serve,
    demo,
):
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
