"""How requests to OpenSearch say who sends them.

Each kind of cluster takes another signature, and each signer works over one HTTP library only:

====== ============================ ======================================================================
none   urllib3                      a cluster that is open to whoever reaches it, as the local one is
basic  urllib3                      a user's name and password
es     requests, aws-requests-auth  an Amazon OpenSearch Service domain
aoss   urllib3, opensearch-py       OpenSearch Serverless, which refuses a request whose
                                    ``x-amz-content-sha256`` is not signed, as it is not for ``es``
====== ============================ ======================================================================

Both AWS signers ask for credentials at each request, so they follow their rotation.

Source:
    https://docs.aws.amazon.com/opensearch-service/latest/developerguide/request-signing.html
    https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-clients.html
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import botocore.session
from aws_requests_auth.boto_utils import BotoAWSRequestsAuth
from opensearchpy import RequestsHttpConnection, Urllib3AWSV4SignerAuth, Urllib3HttpConnection

from pipeline.core.noun import noun
from pipeline.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opensearchpy import Connection

    from pipeline.settings import Settings


@noun
class Signature:
    """What the client of opensearch-py needs so that its requests are taken.

    Attributes:
        connection_class: The HTTP library that the signer works with.
        http_auth: What signs each request; None where nothing does.
        headers: What every request carries.
    """

    connection_class: type[Connection]
    http_auth: Callable[..., object] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def choose(settings: Settings) -> Signature:
    """Choose by ``opensearch_auth``.

    Raises:
        SettingsError: The kind needs a name or credentials that are not there.
    """
    match settings.opensearch_auth:
        case "basic":
            return Signature(Urllib3HttpConnection, headers={"authorization": _basic(settings)})
        case "es":
            return Signature(RequestsHttpConnection, _domain_signer(settings))
        case "aoss":
            return Signature(Urllib3HttpConnection, _serverless_signer(settings))
        case _:
            return Signature(Urllib3HttpConnection)


def _basic(settings: Settings) -> str:
    """In UTF-8, as OpenSearch reads it; the HTTP library's own would refuse what is not Latin-1."""
    if not settings.opensearch_username:
        raise SettingsError(
            "LIVEDEX_OPENSEARCH_AUTH is basic and there is no user: "
            "set LIVEDEX_OPENSEARCH_USERNAME and LIVEDEX_OPENSEARCH_PASSWORD."
        )
    user = f"{settings.opensearch_username}:{settings.opensearch_password}"
    return f"Basic {b64encode(user.encode()).decode()}"


def _domain_signer(settings: Settings) -> BotoAWSRequestsAuth:
    _credentials("es")
    return BotoAWSRequestsAuth(
        aws_host=_host(settings.opensearch_url), aws_region=settings.region, aws_service="es"
    )


def _serverless_signer(settings: Settings) -> Urllib3AWSV4SignerAuth:
    return Urllib3AWSV4SignerAuth(_credentials("aoss"), settings.region, "aoss")


def _credentials(auth: str) -> object:
    """Where credentials come from; what it gives is refreshed as it expires."""
    found = botocore.session.Session().get_credentials()
    if found is None:
        raise SettingsError(
            f"LIVEDEX_OPENSEARCH_AUTH is {auth} and there are no AWS credentials: give the function a role, "
            "or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    return found


def _host(url: str) -> str:
    """The ``Host`` header that will be sent: without the port where it is the scheme's own."""
    parts = urlsplit(url)
    own = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.hostname}" if parts.port in (None, own) else f"{parts.hostname}:{parts.port}"
