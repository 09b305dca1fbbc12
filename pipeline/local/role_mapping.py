"""What a given cluster must be told before the functions' roles may use it.

CloudFormation cannot say it: it lies in the cluster's own security plugin, or in a collection's
data access policy. The roles' names are fixed, so it can be said before they exist.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipeline.local import places

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.local.clouds import Cloud

DOMAIN_DOCUMENTS = "https://docs.aws.amazon.com/opensearch-service/latest/developerguide/fgac.html"
COLLECTION_DOCUMENTS = (
    "https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-data-access.html"
)


def instructions(cloud: Cloud, stack: str, parameters: Mapping[str, str]) -> str:
    """What to do in the cluster; empty where IAM alone decides, or no role is asked."""
    if parameters.get("CreateDomain") == "true":
        return ""
    if parameters.get("OpenSearchAuth") == "es":
        return _for_domain(cloud, stack)
    if parameters.get("OpenSearchAuth") == "aoss":
        return _for_collection(cloud, stack, parameters["OpenSearchDomainArn"])
    return ""


def role_arn(cloud: Cloud, stack: str, function: str) -> str:
    """The ARN of a function's role, as ``template.yaml`` names it."""
    return f"arn:{cloud.partition}:iam::{cloud.account}:role/{stack}-{cloud.region}-{function}"


def index_patterns() -> list[str]:
    """The indices that the templates are for."""
    found = [
        json.loads(file.read_bytes()) for file in sorted((places.PROJECT / "index_templates").glob("*.json"))
    ]
    return sorted({pattern for body in found for pattern in body.get("index_patterns", [])})


def _for_domain(cloud: Cloud, stack: str) -> str:
    calls = []
    for name, functions, role in _roles():
        mapping = {"backend_roles": [role_arn(cloud, stack, function) for function in functions]}
        calls.append(_call(f"PUT _plugins/_security/api/roles/{stack}-{name}", role))
        calls.append(_call(f"PUT _plugins/_security/api/rolesmapping/{stack}-{name}", mapping))
    return "\n".join(
        (
            "If the domain has fine-grained access control, tell it first who may do what: in OpenSearch",
            f"Dashboards, Dev Tools, as an administrator ({DOMAIN_DOCUMENTS}):",
            "",
            *calls,
        )
    )


def _roles() -> list[tuple[str, tuple[str, ...], dict[str, Any]]]:
    """Name, functions and rights of each security role: exactly what the adapters call."""
    patterns = index_patterns()

    def role(cluster: list[str], indices: list[str]) -> dict[str, Any]:
        allowed = [{"index_patterns": patterns, "allowed_actions": indices}] if indices else []
        return {"cluster_permissions": cluster, "index_permissions": allowed}

    write = [
        "create_index",
        "indices:data/write/bulk*",
        "indices:data/write/index",
        "indices:data/read/mget*",
    ]
    return [
        (
            "index",
            ("index",),
            role(["indices:data/write/bulk", "indices:data/read/mget"], [*write, "indices:data/read/get"]),
        ),
        ("read", ("message", "query"), role([], ["indices:data/read/search*", "indices:admin/refresh*"])),
        (
            "setup",
            ("setup",),
            role(
                [
                    "cluster_manage_index_templates",
                    "cluster:admin/opendistro/ism/policy/*",
                    "cluster:admin/opendistro/ism/managedindex/*",
                ],
                ["indices:admin/mappings/get", "indices:admin/opensearch/ism/managedindex"],
            ),
        ),
        ("retire", ("retire",), role([], ["indices:admin/mappings/get", "indices:admin/delete"])),
    ]


def _for_collection(cloud: Cloud, stack: str, arn: str) -> str:
    principals = [role_arn(cloud, stack, function) for function in ("index", "message", "query", "setup")]
    indices = ["aoss:CreateIndex", "aoss:DescribeIndex", "aoss:ReadDocument", "aoss:WriteDocument"]
    items = ["aoss:CreateCollectionItems", "aoss:DescribeCollectionItems", "aoss:UpdateCollectionItems"]
    policy = [
        {
            "Rules": [
                {"ResourceType": "index", "Resource": ["index/NAME/*"], "Permission": indices},
                {"ResourceType": "collection", "Resource": ["collection/NAME"], "Permission": items},
            ],
            "Principal": principals,
        },
        {
            "Rules": [
                {
                    "ResourceType": "index",
                    "Resource": ["index/NAME/*"],
                    "Permission": ["aoss:DescribeIndex", "aoss:DeleteIndex"],
                },
                {
                    "ResourceType": "collection",
                    "Resource": ["collection/NAME"],
                    "Permission": ["aoss:DescribeCollectionItems"],
                },
            ],
            "Principal": [role_arn(cloud, stack, "retire")],
        },
    ]
    return "\n".join(
        (
            f"The collection {arn} needs a data access policy; put its name in for NAME",
            f"({COLLECTION_DOCUMENTS}):",
            "",
            f"aws opensearchserverless create-access-policy --type data --name {stack} \\",
            f"  --policy '{json.dumps(policy)}'",
        )
    )


def _call(line: str, body: Mapping[str, Any]) -> str:
    return f"{line}\n{json.dumps(body, indent=2)}\n"
