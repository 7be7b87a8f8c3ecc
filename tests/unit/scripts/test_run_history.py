"""``reindex runs``: past runs, whatever their result, and the comparison of two of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reindex.domain.options import options_in_words, source_in_words
from reindex.steps.run_report import EARLIER_RUNS
from tests.unit.html import read
from tests.unit.scripts.stage import Stage, squeezed


def told(stage: Stage, *args: str) -> list[dict[str, Any]]:
    result = stage.reindex("runs", *args, "--json")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def started(stage: Stage, *options: str) -> str:
    """Start a run by the command, and let it come to its end, as the state machine does."""
    result = stage.reindex("start", *options)
    assert result.exit_code == 0, result.output
    run_id = result.stdout.strip()
    round_ = stage.work()
    assert not stage.tally(round_)["again"]
    stage.report(round_)
    stage.stepfunctions.status[run_id] = "SUCCEEDED"
    stage.phases.running.discard(run_id)
    stage.clock.time += 3_600
    return run_id


@pytest.fixture
def stage(stage: Stage) -> Stage:
    stage.add("a", "b", title="true")
    return stage


def test_runs_are_listed_the_latest_first_with_their_options(stage: Stage) -> None:
    stage.upload(["a", "b", "absent"], name="first")
    stage.whole_run("20250101-000000-aaaa")  # so old that Step Functions has forgotten it
    stage.phases.running.clear()
    stage.clock.time += 3_600
    second = started(stage, "--source", "bucket", "--skip-unchanged")
    stage.index.aliases.clear()
    refused = stage.reindex("start")
    assert refused.exit_code == 1

    found = told(stage)

    assert [(run["status"], run["images"]) for run in found] == [
        ("failed", None),
        ("succeeded", 3),
        ("succeeded", 3),
    ]
    assert [run["run_id"] for run in found[1:]] == [second, "20250101-000000-aaaa"]
    assert "no alias images" in found[0]["reason"]
    assert found[1]["options"] == {"source": {"kind": "bucket"}, "skip_unchanged": True}
    assert found[1]["failures"] == {"not_found": 1}
    assert [run["run_id"] for run in told(stage, "--limit", "1")] == [found[0]["run_id"]]
    lines = " ".join(stage.reindex("runs").stdout.split())
    assert "20250101-000000-aaaa 2026-03-01 18:00 UTC succeeded 3 1" in lines
    assert "all originals; unchanged" in lines


def test_an_open_run_is_among_them(stage: Stage) -> None:
    stage.upload(["a"], name="first")
    opened = stage.reindex("start", "--budget", "5").stdout.strip()
    [run] = told(stage)
    assert (run["run_id"], run["status"], run["options"]) == (
        opened,
        "open",
        {"source": {"kind": "table"}, "budget": 5},
    )


def test_two_runs_side_by_side(stage: Stage) -> None:
    first = started(stage, "--source", "bucket")
    stage.remove("b")
    stage.add("c", title="new")
    stage.upload(["b"], name="second")
    second = started(stage, "--source", "bucket")

    result = stage.reindex("runs", "compare", first, second)

    assert result.exit_code == 0, result.output
    lines = squeezed(result.stdout)
    assert "images 2 3 +1" in lines
    assert "verified 2 2" in lines
    assert "not_found 0 1 +1" in lines
    assert any(line.startswith("not_found ") and ": " in line for line in lines)
    changes = {line["name"]: line["change"] for line in told(stage, "compare", first, second)}
    assert changes["images"] == "+1"
    missing = stage.reindex("runs", "compare", first, "none")
    assert missing.stderr == "Error: there is no report of a run none: reindex runs lists them\n"


def test_each_report_tells_of_the_runs_before_it(stage: Stage) -> None:
    stage.upload(["absent"], name="first")
    names = [started(stage, "--source", "bucket") for _ in range(EARLIER_RUNS + 2)]

    stored = json.loads(stage.reindex("report", "--json").stdout)

    assert [run["run_id"] for run in stored["earlier"]] == names[1:-1]
    page = stage.files.get(f"reports/{names[-1]}.html").decode()
    assert "Runs over time" in read(page).text
    assert all(f"<code>{name}</code>" in page for name in names[1:])
    assert "Runs over time" not in stage.files.get(f"reports/{names[0]}.html").decode()


@pytest.mark.parametrize(
    ("options", "source", "words"),
    [
        ({}, "what was queued", ""),
        ({"source": {"kind": "bucket"}, "limit": 1000}, "all originals", "at most 1,000 ids"),
        ({"source": {"kind": "file", "key": "uploads/x"}, "only_new": True}, "a list of ids",
         "only new ids"),
        (
            {"source": {"kind": "index", "lacking": "metadata.title"}, "budget": 250.0},
            "documents of the index without metadata.title",
            "a budget of $250.00",
        ),
        (
            {"source": {"kind": "index", "query": {"match_all": {}}}},
            'documents of the index that match {"match_all": {}}',
            "",
        ),
        ({"source": {"kind": "index"}}, "documents of the index", ""),
    ],
)  # fmt: skip
def test_options_in_words(options: dict[str, Any], source: str, words: str) -> None:
    assert (source_in_words(options), options_in_words(options)) == (source, words)
