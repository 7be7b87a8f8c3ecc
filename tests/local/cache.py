"""What the local servers are made of, kept between runs."""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from cdk.uv import find_uv
from tests.local import versions
from tests.local.processes import Command, run

_POM: Final = """\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>fetch</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>{group}</groupId><artifactId>{artifact}</artifactId>
      <version>{version}</version><type>{kind}</type>
    </dependency>
  </dependencies>
</project>
"""


def cached(name: str, build: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache, built on first use.

    The cache is `$IMAGE_REINDEX_CACHE`, or `~/.cache/image-reindex`. Names hold a version, so what
    is there never changes; deleting any of it is always safe. Processes may build the same folder
    at once: each builds its own and the first to finish wins.

    Args:
        name: The folder's name.
        build: Fills the empty folder it is given. The folder is moved afterwards, so nothing in it
            may hold its own path.
    """
    root = Path(os.environ.get("IMAGE_REINDEX_CACHE") or Path.home() / ".cache" / "image-reindex")
    target = root / name
    if not target.exists():
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=".building-") as scratch:
            built = Path(scratch) / name
            built.mkdir()
            build(built)
            try:
                built.rename(target)
            except OSError:
                if not target.exists():
                    raise
    return target


def python_tool(requirement: str) -> Path:
    """The programs of a PyPI package, in an environment of its own with this very Python.

    Started from here a program needs neither uv nor a registry any more, and starts about 0.7 s
    sooner than by `uv tool run`.

    Args:
        requirement: A package and its exact version, `name==version`.

    Returns:
        The environment's folder of programs.

    Raises:
        LocalServerError: uv is missing or could not install it.
    """

    def build(folder: Path) -> None:
        uv = find_uv() or "uv"
        run([uv, "venv", "--quiet", "--relocatable", "--python", sys.executable, folder])
        python = folder / "bin" / "python"
        options: Command = ["--quiet", "--compile-bytecode", "--python", python]
        run([uv, "pip", "install", *options, requirement])

    python_version = f"{sys.version_info.major}.{sys.version_info.minor}"
    name = requirement.replace("==", "-")
    return cached(f"{name}-python{python_version}", build) / "bin"


def go_tool(module: str) -> Path:
    """The program of a Go module, built here.

    Args:
        module: The module's path and its exact version, `path@version`.

    Returns:
        The program's folder.

    Raises:
        LocalServerError: Go is missing or too old, or could not build it.
    """

    def build(folder: Path) -> None:
        # Without cgo no C compiler is needed.
        env = {**os.environ, "CGO_ENABLED": "0", "GOBIN": str(folder)}
        run(["go", "install", "-trimpath", module], env=env)

    return cached(module.rpartition("/")[2].replace("@", "-"), build)


def fetch_from_maven(
    goal: Literal["copy", "unpack"], group: str, artifact: str, version: str, kind: str, into: Path
) -> None:
    """Puts a Maven artifact and all it needs at run time into a folder.

    Args:
        goal: Whether the files go there as they are or unpacked.
        group: The artifact's group.
        artifact: Its name.
        version: Its exact version.
        kind: Its packaging, such as `jar` or `zip`.
        into: The folder.

    Raises:
        LocalServerError: Maven is missing or could not fetch it.
    """
    pom = _POM.format(group=group, artifact=artifact, version=version, kind=kind)
    plugin = f"org.apache.maven.plugins:maven-dependency-plugin:{versions.MAVEN_DEPENDENCY_PLUGIN}"
    with tempfile.TemporaryDirectory() as scratch:
        pom_path = Path(scratch, "pom.xml")
        pom_path.write_text(pom, encoding="utf-8")
        run(
            [
                *("mvn", "--batch-mode", "--quiet", "--no-transfer-progress", "--file", pom_path),
                f"{plugin}:{goal}-dependencies",
                "-DincludeScope=runtime",
                f"-DoutputDirectory={into}",
            ]
        )
