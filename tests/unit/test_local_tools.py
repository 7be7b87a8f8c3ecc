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
        "missing: Maven",
        "missing: Chromium",
        "missing: exiftool",
    ]
    assert all(". Without it these do not run: " in line for line in lines)


def test_a_program_that_is_here_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mvn", "chromium", "exiftool"):
        Path(tmp_path, name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools, "java_home", lambda: tmp_path)
    assert not [*tools.missing()]


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
