"""What a machine lacks is named, with what does not run for lack of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.local import java, tools

ROOT = Path(__file__).parents[2]


def test_each_missing_program_is_a_line_with_what_does_not_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(java, "_candidates", lambda: iter(()))
    lines = [*tools.missing()]
    assert [line.split(". ")[0] for line in lines] == [
        "missing: a JDK, 17 or later",
        "missing: a JDK, 21 or later",
        "missing: Maven",
        "missing: Go, 1.26 or later",
        "missing: Chromium",
        "missing: exiftool",
        "missing: vipsthumbnail (libvips-tools)",
        "missing: ImageMagick",
    ]
    assert all(". Without it these do not run: " in line for line in lines)


@pytest.fixture
def all_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with every program, on a path with nothing else."""
    for name in ("mvn", "chromium", "exiftool", "go", "vipsthumbnail", "magick"):
        Path(tmp_path, name).touch(mode=0o755)
    Path(tmp_path, "magick").write_text("#!/bin/sh\necho Version: ImageMagick 7.1\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools, "java_home", lambda *_: tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("version", "named"),
    [
        ("go1.27 linux/amd64", []),
        ("go1.26.8 linux/amd64", []),
        # Debian 12's.
        ("go1.19.8 linux/amd64", ["missing: Go, 1.26 or later"]),
    ],
)
def test_a_program_that_is_here_and_new_enough_is_not_named(
    version: str, named: list[str], all_programs: Path
) -> None:
    (all_programs / "go").write_text(f"#!/bin/sh\necho go version {version}\n")
    assert [line.split(". ")[0] for line in tools.missing()] == named


def test_a_test_run_ends_with_what_it_skipped_and_why(tmp_path: Path) -> None:
    Path(tmp_path, "test_some.py").write_text(
        """
import pytest

def test_that_runs():
    pass

@pytest.mark.parametrize("n", [1, 2])
def test_that_needs_something(n):
    pytest.skip("no Chromium is installed")
"""
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-q", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    end = done.stdout.partition(" not run on this machine ")[2]
    assert "\n2 tests: no Chromium is installed\n" in end
