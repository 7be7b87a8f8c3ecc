"""Metrics as CloudWatch will read them from a log."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from reindex.metrics import EmfMeter, SilentMeter


@pytest.fixture(autouse=True)
def function_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the stack sets: none of it may become a dimension."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "batch-index")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "ImageReindex")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def directive(line: dict[str, Any]) -> dict[str, Any]:
    (found,) = line["_aws"]["CloudWatchMetrics"]
    assert isinstance(found, dict)
    return found


def test_the_stage_is_the_only_dimension(capsys: pytest.CaptureFixture[str]) -> None:
    meter = EmfMeter("PROD")
    meter.count("ImagesIndexed", 3)
    meter.count("ImagesIndexed", 4)
    meter.seconds("ProjectionLatency", 1.5)
    meter.bytes("OriginalBytesRead", 10)
    meter.flush()
    (line,) = lines(capsys)
    assert directive(line) == {
        "Namespace": "ImageReindex",
        "Dimensions": [["service"]],
        "Metrics": [
            {"Name": "ImagesIndexed", "Unit": "Count"},
            {"Name": "ProjectionLatency", "Unit": "Seconds"},
            {"Name": "OriginalBytesRead", "Unit": "Bytes"},
        ],
    }
    assert line["service"] == "PROD"
    assert line["ImagesIndexed"] == [3, 4]


def test_failures_count_together_and_by_code(capsys: pytest.CaptureFixture[str]) -> None:
    meter = EmfMeter("PROD")
    meter.failures("truncated", 2)
    meter.failures("not_found", 1)
    meter.flush()
    *by_code, together = lines(capsys)
    assert [(line["service"], line["code"], line["ImagesFailed"]) for line in by_code] == [
        ("PROD", "truncated", [2]),
        ("PROD", "not_found", [1]),
    ]
    for line in by_code:
        assert sorted(directive(line)["Dimensions"][0]) == ["code", "service"]
    assert directive(together)["Dimensions"] == [["service"]]
    assert together["ImagesFailed"] == [2, 1]


def test_nothing_counted_is_nothing_written(capsys: pytest.CaptureFixture[str]) -> None:
    meter = EmfMeter("PROD")
    meter.flush()
    meter.count("ClaimChecks")
    meter.flush()
    meter.flush()
    assert len(lines(capsys)) == 1


def test_threads_lose_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    meter = EmfMeter("PROD")

    def work(_: int) -> None:
        for _ in range(500):
            meter.count("ImagesEnqueued")
            meter.failures("unexpected", 1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    meter.flush()
    written = lines(capsys)
    assert sum(len(line.get("ImagesEnqueued", ())) for line in written) == 4000
    # CloudWatch drops a metric with more values in one line.
    assert max(len(line.get("ImagesEnqueued", ())) for line in written) <= 100


def test_the_command_writes_no_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    meter = SilentMeter("TEST")
    for _ in range(150):
        meter.count("ImagesIndexed")
    meter.failures("not_found", 1)
    meter.flush()
    assert capsys.readouterr().out == ""
