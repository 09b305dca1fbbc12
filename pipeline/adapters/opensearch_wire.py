"""One request to OpenSearch by opensearch-py, with nothing hidden: no retry, no sniffing, no exception.

What a request comes to is a ``Reply``. Everything that the library, its HTTP libraries or a signer
raise ends here.
"""

from __future__ import annotations

import json
import logging
from dataclasses import field
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote, urlsplit

import orjson
import urllib3
from botocore.exceptions import BotoCoreError
from opensearchpy import JSONSerializer, OpenSearch, RequestsHttpConnection
from opensearchpy.exceptions import OpenSearchException, SerializationError, TransportError
from requests import RequestException

from pipeline.adapters import signing
from pipeline.core.errors import Unavailable
from pipeline.core.noun import noun
from pipeline.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.core.model import JsonObject
    from pipeline.settings import Settings

OK = 200
NO_ANSWER = 0
"""The status of a request to which no whole answer came: it may have been carried out or not."""

CONNECTIONS = 2
"""Kept alive at once."""

CONNECT_TIMEOUT = 3.0
"""Seconds."""

ASK_TIMEOUT = 10.0
"""Seconds without a byte of the answer.

Stays under 60 s: OpenSearch waits so long for a primary shard that is assigned to no node, and then
answers a refresh as if nothing had failed.
"""

_NDJSON = {"content-type": "application/x-ndjson"}


@noun
class Reply:
    """What a request came to.

    Attributes:
        status: The HTTP status, or ``NO_ANSWER``.
        body: The answer, where status is ``OK``.
        error: OpenSearch's error type and reason, or the transport's words.
    """

    status: int
    body: JsonObject = field(default_factory=dict)
    error: str = ""


@noun
class Wire:
    """One cluster's client."""

    client: OpenSearch

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        params: Mapping[str, str | int] | None = None,
        *,
        timeout: float = ASK_TIMEOUT,
    ) -> Reply:
        """Send one request, once. Never raises for what the cluster or the network did.

        Args:
            method: Such as ``GET``.
            path: From ``/`` on, percent-encoded.
            body: Bytes are sent as they are, as NDJSON; anything else as JSON.
            params: The query.
            timeout: Seconds without a byte of the answer.
        """
        transport = self.client.transport
        try:
            answer = transport.perform_request(
                method,
                path,
                params=dict(params or {}),
                body=body,
                headers=_NDJSON if isinstance(body, bytes) else None,
                timeout=_limit(transport.connection_class, timeout),
            )
        except TransportError as problem:
            return _failed(problem)
        except (OpenSearchException, BotoCoreError, RequestException) as problem:
            return Reply(NO_ANSWER, error=f"{type(problem).__name__}: {problem}")
        if not isinstance(answer, dict):
            return Reply(NO_ANSWER, error="the answer is no JSON object, so not OpenSearch's")
        return Reply(OK, answer)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


def wire(settings: Settings) -> Wire:
    """Make a client ready. Nothing is sent yet.

    Raises:
        SettingsError: The settings lack an address, or what the cluster's signature needs.
    """
    parts = urlsplit(settings.opensearch_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError(
            f"LIVEDEX_OPENSEARCH_URL is {settings.opensearch_url!r}; "
            "it must be like https://host or http://127.0.0.1:9200."
        )
    https = parts.scheme == "https"
    host = {"host": parts.hostname, "port": parts.port or (443 if https else 80), "use_ssl": https}
    signature = signing.choose(settings)
    # Every failure is in a Reply. The library would write each as a warning too, with its traceback.
    logging.getLogger("opensearch").setLevel(logging.CRITICAL)
    return Wire(
        OpenSearch(
            hosts=[host | {"url_prefix": parts.path.strip("/")}],
            connection_class=signature.connection_class,
            http_auth=signature.http_auth,
            headers=dict(signature.headers),
            serializer=_Json(),
            pool_maxsize=CONNECTIONS,
            max_retries=0,
            retry_on_status=(),
        )
    )


def path_of(*parts: str) -> str:
    """A path of these parts, percent-encoded but for what names several indices."""
    return "/" + "/".join(quote(part, safe=",*/") for part in parts)


def answered(reply: Reply, key: str) -> Any:  # noqa: ANN401 - any JSON
    """What the answer has under a key.

    Raises:
        Unavailable: It has no such key, so it is no answer to what was asked.
    """
    if key not in reply.body:
        unavailable(reply)
    return reply.body[key]


def unavailable(reply: Reply) -> NoReturn:
    """Raise ``Unavailable`` in the words of the reply."""
    raise Unavailable(
        "opensearch", f"status {reply.status}: {reply.error or 'the answer is not as documented'}"
    )


class _Json(JSONSerializer):
    """JSON by orjson, and bytes as they are."""

    def dumps(self, data: Any) -> Any:  # noqa: ANN401 - the signature is opensearch-py's
        return data if isinstance(data, bytes) else orjson.dumps(data)

    def loads(self, s: str) -> Any:  # noqa: ANN401 - the same
        try:
            return _all_stored(s) or orjson.loads(s)
        except orjson.JSONDecodeError:
            return _odd(s)


def _all_stored(text: str) -> JsonObject | None:
    """Read the usual answer to a bulk, by which each document was created; None where it is another.

    As it is the same text over and over, comparing is enough. To parse it makes two objects a document.
    """
    if not text.startswith(_OPENING + _STORED):
        return None
    count = (len(text) - len(_OPENING)) // len(f"{_STORED},")
    if text != f"{_OPENING}{','.join([_STORED] * count)}]}}":
        return None
    return {"items": [orjson.loads(_STORED)] * count}


_OPENING, _STORED = '{"items":[', '{"create":{"status":201}}'


def _odd(text: str) -> Any:  # noqa: ANN401 - any JSON
    """Read JSON with numbers that orjson refuses, since no double is so large: a document may hold one."""
    try:
        return json.loads(text, parse_int=_integer)
    except ValueError as problem:
        raise SerializationError(f"{problem}: {text[:100]}") from None


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _MOST_DIGITS else float(digits)


_MOST_DIGITS = 19
"""Fewer always fit 64 bits, and so into any JSON that we write."""


def _limit(connection_class: type, read: float) -> Any:  # noqa: ANN401 - each HTTP library has its own form
    if issubclass(connection_class, RequestsHttpConnection):
        return min(CONNECT_TIMEOUT, read), read
    return urllib3.Timeout(connect=min(CONNECT_TIMEOUT, read), read=read)


def _failed(problem: TransportError) -> Reply:
    status, words, info = problem.args
    if not isinstance(status, int):  # "N/A" or "TIMEOUT"
        return Reply(NO_ANSWER, error=f"{type(problem).__name__}: {words}")
    error = info.get("error") if isinstance(info, dict) else None
    if isinstance(error, dict):
        words = f"{error.get('type')}: {error.get('reason')}"
    return Reply(status, error=str(words))
