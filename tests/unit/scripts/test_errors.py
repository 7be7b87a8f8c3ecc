from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Never

import click
import pytest
from botocore.exceptions import NoCredentialsError

from reindex.domain.failures import OriginalNotFound, StoreUnavailable
from reindex.settings import SettingsError
from scripts.errors import Findings
from scripts.exit_status import INTERRUPTED
from scripts.session import Session
from scripts.stack import NoSuchStack
from tests.unit.scripts.stage import Stage, call

ROOT = Path(__file__).parents[3]


def failing(error: BaseException) -> Session:
    def connect(stage: str) -> Never:
        raise error

    return Session(connect=connect)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (NoSuchStack("no stack image-reindex-X"), "no stack image-reindex-X"),
        (StoreUnavailable("DynamoDB: Scan: no table"), "DynamoDB: Scan: no table"),
        (SettingsError("RUN_BUCKET is not set"), "RUN_BUCKET is not set"),
        (NoCredentialsError(), "Unable to locate credentials"),
        (OriginalNotFound("There is none.", "s3://b/k"), "not_found: There is none. (s3://b/k)"),
        (OSError("two\nlines"), "two lines"),
        (StoreUnavailable("\x1b]0;x\x07\x9b2J\u202egnp"), r"\x1b]0;x\x07\x9b2J\u202egnp"),
        (ZeroDivisionError("by 0"), "unexpected ZeroDivisionError: by 0 (--debug shows where)"),
    ],
)
def test_a_failure_is_one_line_on_stderr_and_exit_status_1(error: Exception, line: str) -> None:
    result = call("scan-states", stage="TEST", session=failing(error))
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {line}\n")


def test_debug_shows_where_it_failed() -> None:
    code = """
from scripts.command import reindex
from scripts.session import Session

def connect(stage):
    raise ZeroDivisionError("by 0\\nINFO:root:\\x1b]0;forged\\x07")

reindex(["--debug", "--stage", "T", "status"], obj=Session(connect=connect))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    first, *traceback, last = done.stderr.splitlines()
    assert (done.returncode, first) == (1, "ERROR:reindex:ZeroDivisionError")
    assert any(line.endswith("in connect") for line in traceback)
    # Nothing in it passes for a line of the log, nor reaches the terminal as a control.
    assert all(line.startswith("  ") for line in traceback)
    assert "\x1b" not in done.stderr
    assert last == (
        r"Error: unexpected ZeroDivisionError: by 0 INFO:root:\x1b]0;forged\x07 "
        "(--debug shows where)"
    )


def test_each_finding_is_one_line() -> None:
    assert Findings("It failed", ["a\nError: forged", "b\x1b[2J"]).message == (
        "It failed:\n  a\\nError: forged\n  b\\x1b[2J"
    )


def test_wrong_usage_shows_control_characters_as_text() -> None:
    for args in (("status", "--\x1b[2J"), ("--\x1b[2J",), ("\x1b[2J",)):
        result = call(*args)
        assert (result.exit_code, "\x1b" in result.stderr) == (2, False)
        assert r"\x1b[2J" in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("no-such-verb",),
        ("status", "--no-such-option"),
        ("upload-ids",),
        ("scan-states", "--state", "lost"),
        ("scan-states", "--segments", "0"),
        ("status",),
    ],
)
def test_wrong_usage_exits_2(args: tuple[str, ...]) -> None:
    result = call(*args, session=failing(AssertionError("it connected")))
    assert result.exit_code == 2
    assert result.stdout == ""


def test_a_missing_stage_is_named() -> None:
    result = call("status")
    assert result.stderr.endswith("Error: which stage? Give --stage, or set REINDEX_STAGE.\n")


@pytest.mark.parametrize("args", [("--stage", "TEST", "status"), ("status", "--stage", "TEST")])
def test_the_stage_may_stand_before_or_after_the_verb(args: tuple[str, ...], stage: Stage) -> None:
    assert stage.reindex(*args, stage="OTHER").exit_code == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupted_verb_exits_130_and_says_what_it_has_done(error: BaseException) -> None:
    result = call("scan-states", stage="TEST", session=failing(error))
    assert (result.exit_code, result.stdout) == (INTERRUPTED, "")
    assert result.stderr == "Interrupted: nothing was changed.\n"
