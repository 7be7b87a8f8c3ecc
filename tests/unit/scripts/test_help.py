from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.command import VERBS
from scripts.help_pages import PAGE, page
from tests.unit.scripts.stage import call


def test_the_help_pages_are_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m scripts.help_pages"


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS])
def test_every_verb_explains_itself_with_an_example(verb: str) -> None:
    result = call(verb, "--help")
    assert result.exit_code == 0
    assert f"Example:\n    reindex {verb}" in result.stdout
    # The first sentence is shown in full in the list of verbs.
    assert "..." not in call("--help").stdout.replace("[ARGS]...", "")


#: What help and wrong usage have no use for; each takes longer to import than click.
SLOW = {
    *("PIL", "aws_lambda_powertools", "boto3", "botocore", "elasticsearch", "google", "hashlib"),
    *("reindex.domain.digest", "reindex.domain.run_records", "rich"),
}


@pytest.mark.parametrize(
    "args",
    [
        ("--help",),
        ("--version",),
        *((verb.name, "--help") for verb in VERBS),
        ("no-such-verb",),
        ("status",),
        ("status", "--no-such-option"),
        ("--stage", "T", "start", "--source", "file"),
        ("--stage", "T", "dlq", "--requeue", "--discard"),
        ("--stage", "T", "report", "--json", "--open"),
        ("--stage", "T", "requeue"),
        ("image-meta", "--prefix", "p"),
        ("image-meta", "--bucket", "gs://"),
    ],
    ids=" ".join,
)
def test_help_and_wrong_usage_import_nothing_slow(args: tuple[str, ...]) -> None:
    code = f"""
import sys
from scripts.main import main
sys.argv = ["reindex", *{args!r}]
try:
    main()
except SystemExit as end:
    print(end.code or 0, *sorted({SLOW!r} & sys.modules.keys()), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    helped = args[-1] in {"--help", "--version"}
    assert {*done.stderr.splitlines()[-1].split()} == {"0" if helped else "2"}
