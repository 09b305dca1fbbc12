"""Many HTTP requests at once on kept-alive connections, in one thread: libcurl's multi interface.

libcurl brings what would else be ours to keep right: names, TLS, time limits, and connections that died
while the function was frozen. A request that meets a reset on a connection used before, ere any byte of
an answer came, is sent again by libcurl itself on another one.

Source:
    https://curl.se/libcurl/c/libcurl-multi.html
    http://pycurl.io/docs/latest/
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pycurl

from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONNECTING = 1_000
"""Milliseconds for a name, TCP and TLS; within one Region they take ten."""

NOT_REACHED = frozenset(
    {
        pycurl.E_COULDNT_CONNECT,
        pycurl.E_COULDNT_RESOLVE_HOST,
        pycurl.E_COULDNT_RESOLVE_PROXY,
        pycurl.E_SSL_CONNECT_ERROR,
    }
)
"""How libcurl says that there was no connection to send anything on: https://curl.se/libcurl/c/libcurl-errors.html"""

NEVER_REACHED = frozenset(
    {
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_UNSUPPORTED_PROTOCOL,
        pycurl.E_URL_MALFORMAT,
    }
)
"""The same, where another attempt meets the same: no trusted certificate, an address that is none."""


NOT_SENT = ("Accept:", "Content-Type:")
"""Headers that libcurl would send of its own accord."""


@noun
class Answer:
    """What came of a request.

    Attributes:
        status: HTTP status; 0 where no whole answer came.
        error: API Gateway's name for what went wrong; empty where it gave none.
        text: What else is to be said of it.
        reached: Whether there was a connection to send the request on.
        hopeless: Whether another attempt must meet the same.
    """

    status: int
    error: str = ""
    text: str = ""
    reached: bool = True
    hopeless: bool = False


class Wires:
    """Requests under way; for one thread at a time.

    Args:
        size: How many at most.
        ca_file: The certificates of those who may vouch for an endpoint, as PEM.
        direct: Whether to go past a proxy that the environment names.
    """

    def __init__(self, size: int, ca_file: str, *, direct: bool) -> None:
        self._size = size
        self._ca_file = ca_file
        self._direct = direct
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, size)
        self._idle: list[_Wire] = []
        self._under_way: dict[pycurl.Curl, tuple[_Wire, int]] = {}

    @property
    def room(self) -> bool:
        """Whether another request may be sent."""
        return len(self._under_way) < self._size

    def send(
        self,
        number: int,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        patience: int,
        fresh: bool,
    ) -> None:
        """Send a request; ``answers`` gives its number again.

        Args:
            patience: Milliseconds until its answer must be whole.
            fresh: Whether to send it on a connection of its own making.
        """
        wire = self._idle.pop() if self._idle else _Wire(self._ca_file, direct=self._direct)
        wire.load(method, url, headers, body, patience=patience, fresh=fresh)
        self._multi.add_handle(wire.curl)
        self._under_way[wire.curl] = (wire, number)

    def answers(self, patience: int) -> Iterator[tuple[int, Answer]]:
        """What has come since, at once where there is anything, else after so many milliseconds at most."""
        if not self._under_way:
            time.sleep(patience / 1_000)
            return
        self._multi.perform()
        _, answered, failed = self._multi.info_read(self._size)
        if not answered and not failed:
            own = self._multi.timeout()
            self._multi.select((patience if own < 0 else min(own, patience)) / 1_000)
            self._multi.perform()
            _, answered, failed = self._multi.info_read(self._size)
        for curl in answered:
            wire, number = self._taken_back(curl)
            yield number, wire.answer()
        for curl, code, text in failed:
            wire, number = self._taken_back(curl)
            yield number, wire.failure(code, text)

    def abandon(self) -> None:
        """Give up what is under way; its connections are closed, since answers may yet come on them."""
        for curl in list(self._under_way):
            self._taken_back(curl)

    def close(self) -> None:
        """Let go of every connection."""
        self.abandon()
        self._multi.close()

    def _taken_back(self, curl: pycurl.Curl) -> tuple[_Wire, int]:
        self._multi.remove_handle(curl)
        wire, number = self._under_way.pop(curl)
        self._idle.append(wire)
        return wire, number


class _Wire:
    """A request's place, used again for others."""

    def __init__(self, ca_file: str, *, direct: bool) -> None:
        self.curl = curl = pycurl.Curl()
        self._head = bytearray()
        self._body = bytearray()
        self._loaded: tuple[str, bytes, int, bool] | None = None
        curl.setopt(pycurl.HEADERFUNCTION, self._head.extend)
        curl.setopt(pycurl.WRITEFUNCTION, self._body.extend)
        curl.setopt(pycurl.CAINFO, ca_file)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, CONNECTING)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.PATH_AS_IS, 1)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.TCP_KEEPALIVE, 1)
        if direct:
            curl.setopt(pycurl.PROXY, "")

    def load(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, patience: int, fresh: bool
    ) -> None:
        self._head.clear()
        self._body.clear()
        curl = self.curl
        curl.setopt(pycurl.URL, url.encode())
        curl.setopt(pycurl.HTTPHEADER, [*NOT_SENT, *map(": ".join, headers.items())])
        loaded = (method, body, patience, fresh)
        if loaded != self._loaded:
            self._loaded = loaded
            curl.setopt(pycurl.POSTFIELDS, body)
            curl.setopt(pycurl.CUSTOMREQUEST, method)
            curl.setopt(pycurl.TIMEOUT_MS, patience)
            curl.setopt(pycurl.FRESH_CONNECT, fresh)

    def answer(self) -> Answer:
        status: int = self.curl.getinfo(pycurl.RESPONSE_CODE)
        if status == 200:  # noqa: PLR2004 - the ordinary, which says nothing more
            return OK
        return Answer(status, self._error(), self._body.decode(errors="replace").strip())

    def failure(self, code: int, text: str) -> Answer:
        hopeless = code in NEVER_REACHED
        sent = self.curl.getinfo(pycurl.REQUEST_SIZE) > 0
        reached = sent and not hopeless and code not in NOT_REACHED
        return Answer(0, text=text, reached=reached, hopeless=hopeless)

    def _error(self) -> str:
        """Such as ``GoneException``, of ``GoneException:http://…`` too."""
        for line in self._head.decode("latin-1").splitlines():
            name, _, value = line.partition(":")
            if name.lower() == "x-amzn-errortype":
                return value.partition(":")[0].strip()
        return ""


OK = Answer(200)
