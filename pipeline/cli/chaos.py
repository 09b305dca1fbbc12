"""``chaos``: a proxy that breaks things, between anybody and the real engine."""

from __future__ import annotations

import json
import signal
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.local import stack
from pipeline.local.chaos import ChaosProxy
from pipeline.local.errors import StackError
from pipeline.local.faults import Chances

commands = typer.Typer()


class Engine(StrEnum):
    """What the proxy stands before."""

    OPENSEARCH = "opensearch"


@commands.command()
def chaos(  # noqa: PLR0913 - an option is an argument
    engine: Annotated[Engine, typer.Argument(help="What to stand before.")],
    *,
    item_429: Annotated[
        float, typer.Option("--429", help="Chance that an item of a bulk is answered 429, and not sent on.")
    ] = 0,
    busy: Annotated[
        float, typer.Option("--429-whole", help="Chance that a whole request is answered 429.")
    ] = 0,
    unavailable: Annotated[float, typer.Option("--503", help="Chance that it is answered 503.")] = 0,
    timeout: Annotated[
        float, typer.Option("--timeout", help="Chance that it is carried out and never answered.")
    ] = 0,
    cut: Annotated[
        float, typer.Option("--cut", help="Chance that it is carried out and its answer cut in the middle.")
    ] = 0,
    latency: Annotated[float, typer.Option("--latency", help="Milliseconds that it waits at most.")] = 0,
    largest: Annotated[
        int | None,
        typer.Option("--largest", help="Bytes above which a body is answered 413; any if left out."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the dice.")] = 0,
    port: Annotated[int, typer.Option("--port", help="Where to listen; any free port if left out.")] = 0,
    opensearch_url: Annotated[
        str | None, typer.Option(envvar="OPENSEARCH_URL", help="The cluster; else this folder's node.")
    ] = None,
) -> None:
    """Put a proxy that breaks things before an engine, until Ctrl-C.

    Prints its address, to be used as LIVEDEX_OPENSEARCH_URL (or ``-p OpenSearchUrl=…`` of ``deploy``), and
    at its end what the requests met.
    """
    chances = Chances(item_429, busy, unavailable, timeout, cut, latency, largest)
    upstream = opensearch_url or stack.status(Path.cwd()).endpoints.opensearch
    if not upstream:
        raise StackError(
            f"No {engine.value} runs here: `livedex up` starts one, OPENSEARCH_URL names another."
        )
    # Waited for below, and blocked first, so that no thread takes them away.
    ending = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    try:
        proxy = ChaosProxy(upstream, chances, seed=seed, port=port)
    except OSError as problem:
        raise StackError(
            f"--port {port} cannot be had ({problem}); choose another, or leave it out."
        ) from None
    with proxy:
        typer.echo(f"{proxy.url} breaks what goes to {upstream}: {json.dumps(asdict(chances))}", err=True)
        typer.echo(proxy.url)
        signal.sigwait(ending)
    typer.echo(json.dumps({"met": dict(sorted(proxy.met.items()))}))
