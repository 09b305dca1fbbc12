"""A way between the page and the WebSocket API that can be cut, or go quiet as for one who sleeps."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from threading import Lock, Thread
from typing import Self

CHUNK = 65_536


class Detour:
    """A TCP proxy on 127.0.0.1, from ``with`` until its end."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._lock = Lock()
        self._pairs: list[_Pair] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = Thread(target=self._accept, name="detour", daemon=True)
        self.connections = 0

    @property
    def address(self) -> str:
        """Where to go instead: ``127.0.0.1:port``."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """Break every connection that there is; new ones may come."""
        for pair in self._take():
            pair.cut()

    def go_quiet(self) -> None:
        """Carry nothing more over the connections that there are, without a word; new ones are as ever."""
        for pair in self._take():
            pair.quiet = True

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        self._thread.join()

    def _take(self) -> list[_Pair]:
        with self._lock:
            return [pair for pair in self._pairs if not pair.quiet]

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:  # closed: it is over
                break
            self.connections += 1
            try:
                far = socket.create_connection(self._target)
            except OSError:
                near.close()
                continue
            pair = _Pair(near, far)
            with self._lock:
                self._pairs.append(pair)
            pair.begin()
        for pair in self._pairs:
            pair.end()


class _Pair:
    """One connection's two ends."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.quiet = False
        self._ends = (near, far)
        self._threads = [
            Thread(target=self._carry, args=(one, other), daemon=True)
            for one, other in ((near, far), (far, near))
        ]

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()

    def cut(self) -> None:
        """Break both ends, the near one with a reset, as a server that dies does."""
        with suppress(OSError):
            self._ends[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        self.cut()
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while content := one.recv(CHUNK):
                if not self.quiet:
                    other.sendall(content)
        if not self.quiet:
            with suppress(OSError):
                other.shutdown(socket.SHUT_RDWR)
