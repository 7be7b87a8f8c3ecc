"""The command as `uv tool install .` or `pipx install .` leaves it on an operator's machine."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client
from PIL import Image

from cdk.uv import find_uv
from reindex import __version__
from tests.e2e.desk import served_desk
from tests.local.deploy import ROOT
from tests.local.google_storage import google_storage
from tests.local.processes import LocalServerError, run
from tests.local.stack import LocalStack

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Wheel:
    """The built wheel, and the versions of the lock for what it asks for."""

    path: Path
    constraints: Path

    def install(self, into: Path, extra: str = "") -> Path:
        """Make a clean environment with the wheel and what it asks for."""
        uv = find_uv() or "uv"
        run([uv, "venv", "--quiet", "--python", sys.executable, into])
        wheel = f"image-reindex{extra} @ {self.path.as_uri()}"
        python = into / "bin" / "python"
        run([uv, "pip", "install", "--quiet", "--python", python, wheel, "-c", self.constraints])
        return into


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Wheel:
    folder = tmp_path_factory.mktemp("wheel")
    uv = find_uv() or "uv"
    run([uv, "--directory", ROOT, "build", "--quiet", "--wheel", "--out-dir", folder])
    [path] = folder.glob("*.whl")
    constraints = folder / "constraints.txt"
    run(
        [
            *(uv, "--directory", ROOT, "export", "--quiet", "--frozen", "--no-default-groups"),
            *("--all-extras", "--no-emit-project", "--no-hashes", "--output-file", constraints),
        ]
    )
    return Wheel(path, constraints)


@pytest.fixture(scope="module")
def environment(wheel: Wheel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an installation without extras leaves."""
    return wheel.install(tmp_path_factory.mktemp("installed") / "environment")


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


@pytest.mark.parametrize(
    ("arguments", "needs"),
    [
        (
            ("image-meta", "--file", "gs://bucket/key"),
            "objects in Google Cloud Storage need the extra gcs: install image-reindex[gcs] (",
        ),
        (
            ("desk", "--stage", "TEST"),
            "the desk needs the extra desk: install image-reindex[desk] (",
        ),
    ],
    ids=["gcs", "desk"],
)
def test_without_its_extra_a_verb_names_it(
    environment: Path, arguments: tuple[str, ...], needs: str
) -> None:
    done = subprocess.run(
        [environment / "bin" / "reindex", *arguments],
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Error: {needs}")


@pytest.fixture
def google_storage_url() -> Iterator[str]:
    try:
        with google_storage() as url:
            yield url
    except LocalServerError as error:
        # Wanted everywhere, but demanded only where all that it needs is installed for sure.
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no fake-gcs-server here: {error}")


def test_with_the_extra_it_reads_from_google_storage(
    wheel: Wheel, google_storage_url: str, tmp_path: Path
) -> None:
    photo = io.BytesIO()
    Image.new("RGB", (3, 2)).save(photo, "PNG")
    client = Client(
        "test", AnonymousCredentials(), client_options={"api_endpoint": google_storage_url}
    )
    client.create_bucket("originals").blob("a/b").upload_from_string(photo.getvalue())

    listed = installed(
        wheel.install(tmp_path / "environment", "[gcs]"),
        *("image-meta", "--bucket", "gs://originals/a"),
        env={"STORAGE_EMULATOR_HOST": google_storage_url},
    )

    [line] = map(json.loads, listed.splitlines())
    assert (line["source"], line["requests"]) == ("gs://originals/a/b", 1)
    assert line["dimensions"] == {"width": 3, "height": 2}


def test_with_the_extra_it_serves_the_desk(wheel: Wheel, stack: LocalStack, tmp_path: Path) -> None:
    command = wheel.install(tmp_path / "environment", "[desk]") / "bin" / "reindex"
    with served_desk(command, stack.environ) as desk:
        assert desk.head == "The desk of TEST (changes are allowed), until Ctrl-C:"
        assert "Desk of TEST" in desk.get("")
        assert '"use strict"' in desk.get("desk.js")
        for panel in ("run", "failures", "runs"):
            assert "could not be read" not in desk.panel(panel)
        assert 'class="notice' in desk.explain("absent")


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
    assert (
        not {
            "aws-cdk-lib",
            "cdk-nag",
            "constructs",
            "google-auth",
            "moto",
            "mypy",
            "pytest",
            "ruff",
        }
        & names
    )
    [packages] = environment.glob("lib/python*/site-packages")
    ours = {path.name for path in packages.iterdir()}
    assert {"reindex", "reindex_command"} <= ours
    assert not {"scripts", "cdk", "tests", "lambdas", "checkout"} & ours
    assert not list((packages / "reindex_command").glob("*_pages.py"))
