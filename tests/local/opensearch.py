"""A real OpenSearch, put together from the jars that Maven serves.

Maven serves no distribution, so the folders of one are made here: `lib/`, and a folder below
`modules/` for HTTP and for the analysers, each with the descriptors that a distribution's build
would have written.
"""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.local.cache import cached, fetch_from_maven
from tests.local.java import java_home
from tests.local.processes import Command
from tests.local.search_node import Program
from tests.local.versions import LOG4J, Release

#: The modules, and how the name of the class begins that each is loaded by.
_MODULES: Final = {
    "transport-netty4-client": "org.opensearch.transport.Netty4",
    "analysis-common": "org.opensearch.analysis.common.CommonAnalysis",
}

#: What the module for HTTP may do where there is still a security manager (2.x).
_POLICY: Final = """\
grant {
  permission java.lang.RuntimePermission "*";
  permission java.net.SocketPermission "*", "accept,connect,listen,resolve";
  permission java.io.FilePermission "/proc/sys/net/core/somaxconn", "read";
};
"""

_LOGGING: Final = """\
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1}] %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


def opensearch(release: Release, heap: str, folder: Path, lines: Sequence[str]) -> Program:
    """Prepares a node of OpenSearch in an empty folder.

    Raises:
        LocalServerError: A JDK or Maven is missing, or the server could not be fetched.
    """
    distribution = cached(f"opensearch-{release.version}", lambda into: _build(release, into))
    # A copy, because data and logs live inside, and because ``nobody`` cannot read root's cache.
    home = folder / "home"
    shutil.copytree(distribution, home)
    config = home / "config"
    config.mkdir()
    Path(config, "opensearch.yml").write_text("\n".join(lines), encoding="utf-8")
    Path(config, "log4j2.properties").write_text(_LOGGING, encoding="utf-8")
    scratch = folder / "tmp"
    scratch.mkdir()
    java = java_home(release.java)
    command: Command = [
        *(java / "bin" / "java", f"-Xms{heap}", f"-Xmx{heap}"),
        *(f"-Dopensearch.path.home={home}", f"-Dopensearch.path.conf={config}"),
        *("-Dopensearch.networkaddress.cache.ttl=60", f"-Djava.io.tmpdir={scratch}"),
        *(["-Djava.security.manager=allow"] if _has_security_manager(release) else []),
        *("-cp", f"{home}/lib/*", "org.opensearch.bootstrap.OpenSearch"),
    ]
    return Program("opensearch", folder, command, {**os.environ, "JAVA_HOME": str(java)})


def _has_security_manager(release: Release) -> bool:
    return release.version.startswith("2.")


def _build(release: Release, folder: Path) -> None:
    lib = folder / "lib"
    _jars("org.opensearch", "opensearch", release.version, lib)
    _jars("org.opensearch", "opensearch-plugin-classloader", release.version, lib)
    _jars("org.apache.logging.log4j", "log4j-core", LOG4J[release.version], lib)
    kind = "Plugin"
    if not _has_security_manager(release):
        # The classes of the agent that took the security manager's place; it need not run.
        _jars("org.opensearch", "opensearch-agent-bootstrap", release.version, lib)
        kind = "ModulePlugin"
    for name, class_name in _MODULES.items():
        _module(name, class_name + kind, release, folder)


def _module(name: str, class_name: str, release: Release, folder: Path) -> None:
    """Adds a module, which the server loads by that class."""
    module = folder / "modules" / name
    _jars("org.opensearch.plugin", name, release.version, module)
    # The server refuses to start with a class in two places.
    for jar in Path(folder, "lib").iterdir():
        Path(module, jar.name).unlink(missing_ok=True)
    Path(module, "plugin-descriptor.properties").write_text(
        f"name={name}\ndescription={name}\nversion={release.version}\n"
        f"opensearch.version={release.version}\njava.version={release.java}\n"
        f"classname={class_name}\nhas.native.controller=false\n",
        encoding="utf-8",
    )
    Path(module, "plugin-security.policy").write_text(_POLICY, encoding="utf-8")


def _jars(group: str, artifact: str, version: str, into: Path) -> None:
    """Adds an artifact's jars, and those that it needs, to a folder."""
    with tempfile.TemporaryDirectory() as fetched:
        fetch_from_maven("copy", group, artifact, version, "jar", into=Path(fetched))
        shutil.copytree(fetched, into, dirs_exist_ok=True)
