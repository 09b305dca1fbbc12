"""The same flow while a proxy between the index function and OpenSearch breaks much of what passes."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.local import deploy
from pipeline.local.chaos import ChaosProxy
from pipeline.local.faults import Chances
from tests.running import envelope, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.running import Deployed

CHANCES = Chances(item_429=0.2, busy=0.05, unavailable=0.05, timeout=0.05, cut=0.05)
ENDS = ("stored", "already_there", "announced_only", "rejected", "retried")


@contextmanager
def opensearch_at(deployed: Deployed, url: str) -> Iterator[None]:
    """The index function with its OpenSearch there, and then where it was."""
    stacks, functions = deployed.client("cloudformation"), deployed.client("lambda")
    found = stacks.describe_stack_resource(StackName=deploy.STACK, LogicalResourceId="IndexFunction")
    name = found["StackResourceDetail"]["PhysicalResourceId"]
    before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    there = before | {"LIVEDEX_OPENSEARCH_URL": url}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": there})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": before})


def test_every_event_is_stored_once_and_announced_and_every_line_of_the_function_balances(
    deployed: Deployed, service: str
) -> None:
    count, before = 300, len(deployed.lines("index"))
    with ChaosProxy(deployed.opensearch, CHANCES, seed=3) as proxy, opensearch_at(deployed, proxy.url):
        deployed.put(*(envelope(service, number) for number in range(count)))
        found = wait_for(lambda: deployed.facts(service), lambda seen: len(seen) >= count)
        announced = wait_for(
            lambda: sum(line.get("announced", 0) for line in deployed.lines("index")[before:]),
            lambda seen: seen >= count,
        )

    assert found == sorted(f"{service}-{number}" for number in range(count))
    assert announced >= count
    lines = [line for line in deployed.lines("index")[before:] if "received" in line]
    assert [line["received"] for line in lines] == [sum(line[end] for end in ENDS) for line in lines]
    sums = Counter[str]()
    for line in lines:
        sums.update({end: line[end] for end in ENDS})
    assert sums["stored"] + sums["already_there"] >= count
    assert proxy.met["item_429"] > 0
    assert deployed.dead_letters(service) == []
