"""``routes``: try the routes on an event, and propose routes for a sample."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import inputs, lines, route_trial
from pipeline.cli.output import JsonOption
from pipeline.core import infer, instant, route
from pipeline.core.errors import Rejected
from pipeline.local.errors import StackError
from pipeline.wiring import shipped

commands = typer.Typer()
routes = typer.Typer(help="Try the routes on an event, or propose some for a sample.", no_args_is_help=True)
commands.add_typer(routes, name="routes")

FileArgument = Annotated[
    str, typer.Argument(metavar="[FILE]", help="Events as .json or .ndjson; - for stdin.")
]
RoutesOption = Annotated[Path, typer.Option("--routes", metavar="FILE", help="The routes file.")]

ROUTES = shipped.ROOT / "routes.toml"


@routes.command(name="test")
def attempt(
    file: FileArgument = "-",
    routes_file: RoutesOption = ROUTES,
    now: Annotated[str | None, typer.Option(metavar="TIME", help="When it arrives, instead of now.")] = None,
    *,
    single_tenant: Annotated[
        bool, typer.Option("--single-tenant", help="As where all events belong to one tenant.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show which route each event takes and why, its document, index, id and delta, or its rejection.

    Nothing is sent anywhere. Exit code 1 where an event is rejected.
    """
    known = inputs.routes(routes_file)
    try:
        arrival = int(time.time() * 1000) if now is None else instant.read(now)
    except ValueError as error:
        raise StackError(f"--now: {error}") from error
    rejected = False
    for line in lines.read(inputs.events(file)):
        trial = route_trial.attempt(line, known, arrival, single_tenant=single_tenant)
        typer.echo(
            json.dumps(route_trial.as_fields(trial))
            if as_json
            else "\n".join([*route_trial.as_text(trial, routes_file.name), ""])
        )
        rejected |= trial.rejected is not None
    if rejected:
        raise typer.Exit(1)


@routes.command(name="infer")
def propose(
    sample: FileArgument = "-",
    family: Annotated[
        str | None, typer.Option(metavar="NAME", help="One family for all; else one for each source.")
    ] = None,
    routes_file: RoutesOption = ROUTES,
    *,
    write: Annotated[
        bool, typer.Option("--write", help="Add it to the routes file, and the templates beside it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Propose routes and index templates for sampled events. Read them before you use them."""
    events = []
    for line in lines.read(inputs.events(sample)):
        try:
            events.append(route_trial.event(line, 0))
        except Rejected as rejected:
            sys.stderr.write(f"{line.place}: {rejected.text}\n")
    proposals = infer.propose(events, family)
    if not proposals:
        raise StackError("the sample has no event to infer from: give envelopes, one a line.")
    text = "\n".join(each.toml for each in proposals)
    route.routes(text, "the proposal")
    if write:
        _write(proposals, text, routes_file)
    elif as_json:
        typer.echo(
            json.dumps(
                [
                    {"family": each.family, "routes": each.toml, "file": each.file, "template": each.template}
                    for each in proposals
                ]
            )
        )
    else:
        typer.echo(f"# ----- routes.toml\n\n{text}")
        for each in proposals:
            typer.echo(f"# ----- {each.file}\n\n{json.dumps(each.template, indent=2)}\n")


# --- files ------------------------------------------------------------------------------------


def _write(proposals: list[infer.Proposal], text: str, routes_file: Path) -> None:
    """Add a proposal to the project; nothing of it where it does not fit what is there."""
    before = routes_file.read_text(encoding="utf-8") if routes_file.exists() else ""
    after = f"{before.rstrip()}\n\n{text}".lstrip()
    route.routes(after, f"{routes_file.name} with the proposal")
    files = {routes_file.parent / each.file: each for each in proposals}
    for file in files:
        if file.exists():
            raise StackError(f"{file} is there already: choose another --family, or take it away first.")
    try:
        for file, each in files.items():
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"{json.dumps(each.template, indent=2)}\n", encoding="utf-8")
            typer.echo(f"wrote {file}")
        routes_file.write_text(after, encoding="utf-8")
    except OSError as error:
        raise StackError(f"{error.filename} cannot be written: {error.strerror}.") from error
    typer.echo(f"added to {routes_file}; an ISM policy for it belongs in ism_policies/")
