"""The parameters that ``template.yaml`` is deployed with."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from pipeline.local import page_address, places, state
from pipeline.local.errors import StackError
from pipeline.wiring import shipped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_cloudformation.type_defs import StackTypeDef

    from pipeline.local.clouds import Cloud

FUNCTION_TIMEOUT = 20
"""Seconds that a local function may take. A cold start on a busy machine takes several, and one that is
killed in it starts cold again."""

VISIBILITY = 30
"""Seconds; less than the six function timeouts that AWS wants, so that people need not wait so long."""


def known() -> frozenset[str]:
    """The names of the template's parameters."""
    text = (places.PROJECT / "template.yaml").read_text(encoding="utf-8")
    section = re.search(r"^Parameters:\n(.*?)^\S", text, re.MULTILINE | re.DOTALL)
    return frozenset(re.findall(r"^  (\w+):$", section[1], re.MULTILINE) if section else ())


def check(given: Mapping[str, str]) -> None:
    """Refuse a parameter that the template does not have; SAM would drop it without a word.

    Raises:
        StackError: Names it, and those there are.
    """
    unknown = sorted(given.keys() - known())
    if unknown:
        raise StackError(f"There is no parameter {unknown[0]}; there are: {', '.join(sorted(known()))}.")


def for_local(
    of: places.Places, cloud: Cloud, opensearch_url: str, given: Mapping[str, str]
) -> dict[str, str]:
    """Those of a deploy to the local stack."""
    cluster = urlsplit(opensearch_url)
    basic = bool(cluster.username)
    return {
        "Target": "local",
        "LocalEndpoint": urlsplit(cloud.endpoint or "").netloc,
        "LogFile": str(of.log("functions")),
        "DevelopmentSecret": state.development_secret(of),
        "OpenSearchUrl": urlunsplit((cluster.scheme, cluster.netloc.rpartition("@")[2], "", "", "")),
        "OpenSearchAuth": "basic" if basic else "none",
        "OpenSearchUsername": unquote(cluster.username or ""),
        "OpenSearchPassword": unquote(cluster.password or ""),
        "Tenancy": "required",
        "JwtAlgorithms": "HS256",
        "AllowedOrigins": page_address.origin(of),
        "FunctionTimeout": str(FUNCTION_TIMEOUT),
        "VisibilityTimeout": str(VISIBILITY),
        "SetupContent": content(),
        **given,
    }


def for_aws(cloud: Cloud, stack: str, before: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Those of a deploy to AWS: what was given now; what was given before stays as it is.

    Args:
        cloud: Account and Region.
        stack: The CloudFormation stack's name.
        before: The parameters of the stack as it is deployed; empty at the first deploy.
        given: What the user asks for now.

    Raises:
        StackError: No cluster, or no keys to check tokens by.
    """
    all_of_them = {**before, **given}
    made = all_of_them.get("CreateDomain") == "true"
    if not made and not all_of_them.get("OpenSearchUrl"):
        raise StackError(
            "Which cluster? Give --parameter OpenSearchUrl=https://… with OpenSearchAuth=es and "
            "OpenSearchDomainArn=arn:…, or --parameter CreateDomain=true to have a small one made (it costs "
            "some 30 USD a month)."
        )
    if not all_of_them.get("JwksUrl"):
        raise StackError(
            "Who signs your users' tokens? Give --parameter JwksUrl=https://…/.well-known/jwks.json and "
            "JwtIssuer=https://…"
        )
    made_domain = {"OpenSearchAuth": "es", "OpenSearchDomainArn": cloud.domain_arn(stack)} if made else {}
    return {"Target": "aws", **made_domain, **given, "SetupContent": content()}


def advice(parameters: Mapping[str, str]) -> str:
    """Say what a deploy to AWS leaves open that may hurt later; empty where it is nothing.

    Args:
        parameters: Those that the stack will have, but for what has the template's default.
    """
    if parameters.get("ReadConcurrency", "0") != "0":
        return ""
    return (
        "ReadConcurrency is 0: each client that waits at GET /v1/hits holds an invocation, and may take one "
        "that indexing or broadcasting needs. If you have such clients, and an account with more than 100, "
        "reserve some: --parameter ReadConcurrency=50."
    )


def of_stack(deployed: StackTypeDef | None) -> dict[str, str]:
    """The parameters that a stack has now; secrets among them come as asterisks."""
    found = deployed.get("Parameters", []) if deployed else []
    return {each["ParameterKey"]: each["ParameterValue"] for each in found}


def content() -> str:
    """A hash of the index templates and policies: the set-up runs again when it changes."""
    found = [
        file for folder in shipped.TEMPLATES for file in sorted((places.PROJECT / folder).glob("*.json"))
    ]
    return hashlib.sha256(
        b"\0".join(file.name.encode() + b"\0" + file.read_bytes() for file in found)
    ).hexdigest()[:16]
