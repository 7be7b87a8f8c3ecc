"""The command as `uv tool install .` or `pipx install .` leaves it on an operator's machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from cdk.uv import find_uv
from reindex import __version__
from tests.local.deploy import ROOT
from tests.local.processes import run
from tests.local.stack import LocalStack

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean environment with the wheel and what it asks for, at the versions of the lock."""
    folder = tmp_path_factory.mktemp("installed")
    uv = find_uv() or "uv"
    run([uv, "--directory", ROOT, "build", "--quiet", "--wheel", "--out-dir", folder])
    [wheel] = folder.glob("*.whl")
    constraints = folder / "constraints.txt"
    run(
        [
            *(uv, "--directory", ROOT, "export", "--quiet", "--frozen", "--no-default-groups"),
            *("--no-emit-project", "--no-hashes", "--output-file", constraints),
        ]
    )
    made = folder / "environment"
    run([uv, "venv", "--quiet", "--python", sys.executable, made])
    python = made / "bin" / "python"
    run([uv, "pip", "install", "--quiet", "--python", python, wheel, "-c", constraints])
    return made


def installed(environment: Path, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Run the command away from the checkout, and return what it printed."""
    done = subprocess.run(
        [environment / "bin" / "reindex", *arguments],
        cwd=environment,
        env={} if env is None else {**env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_says_its_version_and_explains_itself(environment: Path) -> None:
    assert installed(environment, "--version") == f"reindex, version {__version__}\n"
    assert "image-meta" in installed(environment, "--help")


def test_it_reads_an_image(environment: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (3, 2)).save(photo)
    [line] = installed(environment, "image-meta", "--file", str(photo)).splitlines()
    assert json.loads(line)["dimensions"] == {"width": 3, "height": 2}


def test_it_reads_many_images_in_processes_of_its_own(environment: Path, tmp_path: Path) -> None:
    for number in range(40):
        Image.new("RGB", (3, 2)).save(tmp_path / f"{number:02}.png")
    lines = installed(environment, "image-meta", "--dir", str(tmp_path)).splitlines()
    assert [Path(json.loads(line)["source"]).stem for line in lines] == [
        f"{number:02}" for number in range(40)
    ]


def test_it_works_on_a_deployed_stack(environment: Path, stack: LocalStack) -> None:
    assert installed(environment, "status", env=stack.environ)
    shown = json.loads(installed(environment, "status", "--json", env=stack.environ))
    latest = stack.runs.current()
    assert (shown and shown["run_id"]) == (latest and latest.run_id)
    assert "queued" in installed(environment, "scan-states", env=stack.environ)


def test_it_brings_what_it_needs_and_nothing_else(environment: Path) -> None:
    listed = run([find_uv() or "uv", "pip", "list", "--quiet", "--python", environment])
    names = {line.split()[0].lower() for line in listed.splitlines()[2:]}
    assert {"image-reindex", "boto3", "click", "elasticsearch", "pillow", "rich"} <= names
    assert not {"aws-cdk-lib", "cdk-nag", "constructs", "moto", "mypy", "pytest", "ruff"} & names
    [packages] = environment.glob("lib/python*/site-packages")
    ours = {path.name for path in packages.iterdir()}
    assert {"reindex", "reindex_command"} <= ours
    assert not {"scripts", "cdk", "tests", "lambdas", "checkout"} & ours
    assert not list((packages / "reindex_command").glob("*_pages.py"))
