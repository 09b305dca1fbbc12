"""Ports of 127.0.0.1, and plain HTTP to what listens there."""

from __future__ import annotations

import socket
from contextlib import closing
from http.client import HTTPConnection, HTTPException

from pipeline.local.errors import StackError

HOST = "127.0.0.1"


def free() -> int:
    """A port that nobody uses now."""
    with closing(socket.socket()) as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether one could listen on the port now."""
    with closing(socket.socket()) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
        return True


def choose(wanted: int | None, before: int | None, option: str) -> int:
    """The port wanted; else the one used before, if nobody has taken it; else any free one.

    Args:
        wanted: The port that must be it, or None.
        before: The port that should be it again, or None.
        option: The option of the command line that chooses this port.

    Raises:
        StackError: The port wanted cannot be had.
    """
    if wanted is not None:
        if not is_free(wanted):
            raise StackError(
                f"Port {wanted} is in use by another program: choose a free one with {option} PORT, "
                f"or leave {option} out to get any."
            )
        return wanted
    return before if before is not None and is_free(before) else free()


def answers(port: int, path: str, timeout: float = 5.0) -> bool:
    """Whether a GET on the port gives 200, without any proxy of the environment between."""
    connection = HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200  # noqa: PLR2004 - HTTP's OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
