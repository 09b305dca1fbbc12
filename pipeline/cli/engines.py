"""``up``, ``status``, ``logs``, ``down``: the engines of the local stack."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.output import JsonOption
from pipeline.local import following, opensearch, stack

commands = typer.Typer()


@commands.command()
def up(
    *,
    opensearch_port: Annotated[
        int | None, typer.Option(help="Port for OpenSearch; any free one if left out.")
    ] = None,
    aws_port: Annotated[int | None, typer.Option(help="Port for AWS; any free one if left out.")] = None,
    opensearch_heap: Annotated[str, typer.Option(help="Heap of the OpenSearch node.")] = opensearch.HEAP,
    opensearch_url: Annotated[
        str | None, typer.Option(envvar="OPENSEARCH_URL", help="Use this cluster instead of a node.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Start this folder's engines, or find them running."""
    stack.up(
        Path.cwd(),
        opensearch_url=opensearch_url,
        opensearch_port=opensearch_port,
        aws_port=aws_port,
        heap=opensearch_heap,
    )
    _print(stack.status(Path.cwd()), as_json=as_json)


@commands.command()
def status(*, as_json: JsonOption = False) -> None:
    """Show every endpoint and whether the engines run."""
    _print(stack.status(Path.cwd()), as_json=as_json)


@commands.command()
def logs(
    names: Annotated[
        list[following.Log] | None, typer.Argument(help="Which logs; all when left out.", show_default=False)
    ] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is added.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Lines of each log to begin with.")] = 20,
) -> None:
    """Show the logs of the engines and of the functions."""
    for line in following.lines(Path.cwd(), names or list(following.Log), last=lines, follow=follow):
        typer.echo(line)


@commands.command()
def down() -> None:
    """End this folder's engines and all that they started; what is indexed stays."""
    ended = stack.down(Path.cwd())
    typer.echo(f"Ended: {', '.join(ended)}." if ended else "Nothing was running here.")


def _print(now: stack.Status, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(now.json(), indent=2))
        return
    for name, address in asdict(now.endpoints).items():
        typer.echo(f"{name:<13} {address or '-'}")
    for name, engine in (("OpenSearch", now.opensearch), ("AWS", now.aws)):
        how = f"runs, process {engine.pid}" if engine.pid else "answers" if engine.alive else "does not run"
        typer.echo(f"{name:<13} {how}" + (f", log {engine.log}" if engine.log else ""))
