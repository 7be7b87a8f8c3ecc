"""The functions' one asset: ``lambdas/`` and its locked dependencies, built without docker.

uv installs wheels for a machine other than this one, so the arm64 asset is built anywhere.
What goes in is decided by ``uv.lock``, ``lambdas/`` and the target; its hash names the asset,
so an unchanged project is neither built nor deployed again.
"""

from __future__ import annotations

import compileall
import hashlib
import os
import py_compile
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cdk.uv import find_uv

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build"

#: Raise it when this module packs the same inputs differently.
_RECIPE = 3

#: Packages that are published as source alone, and are Python alone.
_BUILT = frozenset({"pyvips"})

#: Neither wanted at run time nor the same on every build.
_LEFT_OUT_OF_SOURCES = {"__pycache__"}
_LEFT_OUT_OF_DEPENDENCIES = {"bin", ".lock"}

#: The services that the functions call. botocore describes four hundred, in half of all files:
#: every cold start would have them unpacked.
SERVICES = {
    "dynamodb",
    "events",
    "lambda",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "stepfunctions",
    "sts",
}

_EPOCH = (1980, 1, 1, 0, 0, 0)


class BundlingError(Exception):
    """The asset could not be built; the message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """The platform of an asset.

    Attributes:
        python: Version of the interpreter, as ``3.14``.
        platform: uv's name of the platform; None for this machine.
    """

    python: str
    platform: str | None


@dataclass(frozen=True, slots=True)
class Asset:
    """A zip file, and the hash of what it was built from."""

    path: Path
    hash: str


#: 3.14 is the newest runtime that Lambda, aws-cdk-lib 2.275 and every compiled dependency
#: (Pillow 12 and later has cp314 wheels, for manylinux_2_28 on arm64) have in common. Lambda's
#: image for it is Amazon Linux 2023, glibc 2.34.
LAMBDA = Target(python="3.14", platform="aarch64-manylinux_2_28")

#: A local cloud runs functions on the machine's own interpreter, whatever their runtime says.
LOCAL = Target(python=f"{sys.version_info.major}.{sys.version_info.minor}", platform=None)


#: Path of a library's own mapping in the asset.
LIBRARY_MAPPING = "library-mapping.json"


def build(target: Target, files: Mapping[str, Path] | None = None) -> Asset:
    """Build the asset, unless the same was built before.

    Args:
        target: What it is to run on.
        files: The library's own, to be put into the asset, by their name there.

    Raises:
        BundlingError: uv is missing, or a dependency has no wheel for the target.
    """
    sources = [(name, path.read_bytes()) for name, path in _sources()]
    sources += [(name, path.read_bytes()) for name, path in sorted((files or {}).items())]
    requirements = _uv("export", "--frozen", "--only-group", "functions")
    dependencies = _dependencies(requirements, target)
    asset = _built("lambdas", _hash(dependencies.hash, *map(repr, sources)))
    if not asset.path.exists():
        with _appearing(asset.path) as path:
            # Packing the dependencies takes seconds, and one's own code changes most.
            shutil.copyfile(dependencies.path, path)
            _pack(path, sources)
        _forget_old()
    return asset


def _dependencies(requirements: str, target: Target) -> Asset:
    recipe = (str(_RECIPE), *sorted(SERVICES))
    asset = _built("dependencies", _hash(*recipe, repr(target), requirements))
    if not asset.path.exists():
        with _appearing(asset.path) as path:
            contents = path.with_name("contents")
            _install(requirements, target, contents)
            _forget_other_services(contents)
            if target == LOCAL:
                _compile(contents)
            found = _files(contents, _LEFT_OUT_OF_DEPENDENCIES)
            _pack(path, ((name, file.read_bytes()) for name, file in found))
    return asset


def _install(requirements: str, target: Target, contents: Path) -> None:
    listed = contents.with_name("requirements.txt")
    listed.write_text(requirements)
    python = ["--python", sys.executable]
    if target.platform:
        python = ["--python-version", target.python, "--python-platform", target.platform]
    _uv(
        *("pip", "install", "--target", str(contents), "--requirements", str(listed)),
        *("--no-deps", "--require-hashes", "--no-compile"),
        *(f"--only-binary={name}" for name in _names(requirements) if name not in _BUILT),
        *python,
        # Without it pyvips finds no libvips to compile against, and stays Python that suits any
        # platform; the library comes as a wheel, pyvips-binary.
        environment={"PKG_CONFIG": "false"},
    )


def _names(requirements: str) -> list[str]:
    """Return the names of the packages that a list of requirements pins."""
    return re.findall(r"^([\w.-]+)==", requirements, re.MULTILINE)


def _forget_other_services(contents: Path) -> None:
    for described in (contents / "botocore" / "data").iterdir():
        if described.is_dir() and described.name not in SERVICES:
            shutil.rmtree(described)


def _compile(contents: Path) -> None:
    """Spare every worker of a local cloud, which unpacks the asset anew, seconds of compiling."""
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(
        contents, quiet=2, stripdir=str(contents), invalidation_mode=unchecked, workers=0
    )


def _uv(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    uv = find_uv()
    if not uv:
        raise BundlingError("uv is not installed: it builds the functions' asset (make install)")
    done = subprocess.run(  # noqa: S603
        [uv, "--color", "never", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode:
        raise BundlingError(f"uv {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


def _sources() -> Iterator[tuple[str, Path]]:
    return _files(ROOT / "lambdas", _LEFT_OUT_OF_SOURCES)


def _files(root: Path, left_out: Collection[str]) -> Iterator[tuple[str, Path]]:
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        if path.is_file() and not any(part in left_out for part in name.parts):
            yield name.as_posix(), path


def _pack(archive: Path, files: Iterable[tuple[str, bytes]]) -> None:
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            # Lambda runs as another user than the one that packed.
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, content)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _built(what: str, content_hash: str) -> Asset:
    return Asset(BUILD / f"{what}-{content_hash}.zip", content_hash)


@contextmanager
def _appearing(path: Path) -> Iterator[Path]:
    """Return a place to write a file that then appears whole: others may build beside us."""
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as work:
        unfinished = Path(work, path.name)
        yield unfinished
        unfinished.replace(path)


def _forget_old() -> None:
    """Delete assets that were built over an hour ago: no deployment uses them any more."""
    for path in BUILD.glob("lambdas-*.zip"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - 3600:
                path.unlink()
