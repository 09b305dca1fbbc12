"""The ``livedex`` command: one module a group of commands.

A command reads what was typed, calls one function of another room and prints what it gave.
Whatever goes wrong in a way that was foreseen is one line on stderr and exit code 1, or 2 where it is
what was typed.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

import typer

from pipeline.core.errors import Refused, Unavailable
from pipeline.local.errors import Mistyped, StackError
from pipeline.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "up": ("engines", "Start this folder's engines, or find them running."),
    "status": ("engines", "Show every endpoint and whether the engines run."),
    "logs": ("engines", "Show the logs of the engines and of the functions."),
    "down": ("engines", "End this folder's engines and all that they started."),
    "deploy": ("deploying", "Package and deploy; say so when nothing has changed."),
    "delete": ("deploying", "Delete every AWS resource of the stack."),
    "plan": (
        "policies",
        "Show what apply would change in the cluster, and what a changed route meets there.",
    ),
    "apply": (
        "policies",
        "Give the cluster the index templates and policies, and its indices their policies.",
    ),
    "verify": ("policies", "Hold routes, index templates and policies against each other."),
    "policies": ("policies", "Explain a policy as a time line."),
    "retire": ("policies", "Show, or delete, indices whose date is past their retention."),
    "emit": ("events", "Put events on the bus, from a file or made up."),
    "tail": ("tail", "Print hits as they come, until Ctrl-C; go on where you left off."),
    "query": ("query", "Print the stored hits of some time."),
    "token": ("clients", "Print a development token for the local stack."),
    "channels": ("audience", "Show the channels, their members, and how many of these are behind."),
    "connections": ("audience", "Show who is connected, since when, until when; or close one."),
    "key": ("keys", "Make, list and revoke API keys."),
    "dlq": ("dead_letters", "Look at dead letters, redrive them, or drop them."),
    "replay": ("history", "Send again what the archive, or a file, has of some time."),
    "backfill": ("history", "Store events of the past from a file, without announcing them."),
    "cost": ("cost", "Reckon a month's AWS bill, beside that of the naive design."),
    "smoke": ("smoke", "Show that each event is indexed once and delivered once, to nobody else."),
    "chaos": ("chaos", "Put a proxy that breaks things before an engine, until Ctrl-C."),
    "routes": ("routes", "Try the routes on an event, or propose some for a sample."),
    "filter": ("filters", "Try a filter on events, hold cases against their filters, or explain one."),
    "page": ("live_page", "Serve the live page of the running local stack, until Ctrl-C."),
    "run": ("panel", "Start, deploy, put sample events and watch; Ctrl-C ends what this started."),
}
"""Each command: the module that has it, and its line in ``livedex --help``."""


def main() -> None:
    """Run what was typed."""
    try:
        application(sys.argv[1:])()
    except (StackError, SettingsError, Refused, Unavailable) as trouble:
        sys.stderr.write(f"livedex: {trouble}\n")
        raise SystemExit(2 if isinstance(trouble, Mistyped) else 1) from None


def application(arguments: Sequence[str]) -> typer.Typer:
    """The command line, as far as these arguments need it.

    Only the module of the command that was typed is imported, for some bring an SDK along. When
    none was typed, the commands are there by name and line only: enough for the help.
    """
    app = typer.Typer(
        name="livedex",
        help="A live index of your domain events: the local stack, its deploy, and tools to try it.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_nothing)  # with it, an application of one command still wants that command's name
    typed = next((each for each in arguments if not each.startswith("-")), "")
    if typed in COMMANDS:
        module, _ = COMMANDS[typed]
        app.add_typer(import_module(f"pipeline.cli.{module}").commands)
    else:
        for name, (_, line) in COMMANDS.items():
            app.command(name, help=line)(_nothing)
    return app


def _nothing() -> None:
    pass
