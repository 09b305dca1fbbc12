"""Any stage from the shell: ``python -m pipeline normalise < tests/events/order.json``."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, NoReturn, TextIO

from pipeline.core.errors import Refused
from pipeline.core.route import RouteError
from pipeline.stages import STAGES, Call, Misused

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(arguments: Sequence[str], given: TextIO, out: TextIO, told: TextIO) -> int:
    """Run one stage.

    Returns:
        The exit code: 0, 1 when an event was rejected, 2 when the call cannot be answered.
    """
    try:
        options = _options(arguments)
        call = Call(options, _read(given))
        out.writelines(part.decode() for part in STAGES[options.stage](call))
    except (Misused, Refused, RouteError) as problem:
        told.write(f"{problem}\n")
        return 2
    told.writelines(f"rejected: {line}\n" for line in call.rejected)
    return 1 if call.rejected else 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Misused(f"{message}\n\n{self.format_help().rstrip()}")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    stages = "\n".join(f"  {name:10} {(stage.__doc__ or '')}" for name, stage in STAGES.items())
    parser = _Parser(
        prog="python -m pipeline",
        description="Run one stage on what comes from standard input.",
        epilog=f"stages:\n{stages}\n\nexample: python -m pipeline normalise < tests/events/order.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stage", metavar="STAGE", choices=STAGES, help="one of those below")
    parser.add_argument("--routes", default="routes.toml", metavar="FILE", help="default: routes.toml")
    parser.add_argument("--single-tenant", action="store_true", help="all events belong to one tenant")
    parser.add_argument("--tenant", default="acme", help="whom a client speaks for (default: acme)")
    parser.add_argument(
        "--filter", default="{}", metavar="JSON", help="what a client asks for (default: all)"
    )
    parser.add_argument("--size", type=int, default=50, help="hits of a search (default: 50)")
    return parser.parse_args(arguments)


def _read(given: TextIO) -> str:
    if given.isatty():
        raise Misused("the input is empty: try `python -m pipeline normalise < tests/events/order.json`.")
    return given.read()


if __name__ == "__main__":
    raise SystemExit(run(sys.argv[1:], sys.stdin, sys.stdout, sys.stderr))
