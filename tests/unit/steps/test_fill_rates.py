"""Fill rates in reports, on their pages, in notices, and between runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reindex.domain.failures import StoreUnavailable
from reindex.reports.fill_rates import MOST_FIELDS, fallen, fixed_fields
from reindex.reports.notice import of_report
from reindex.reports.report_page import page
from reindex.reports.run_summary import compared
from tests.unit.steps.world import World

MAPPING = {
    "properties": {
        "title": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
        "credit": {"type": "keyword"},
        "hidden": {"type": "keyword", "index": False},
        "fileMetadata": {
            "dynamic": "true",
            "properties": {"Model": {"type": "keyword"}},
        },
        "usages": {"type": "nested", "properties": {"platform": {"type": "keyword"}}},
    }
}


def reported(world: World, run_id: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(world.files.get(f"reports/{run_id}.json"))
    return report


def test_fields_are_those_of_every_document_and_of_no_file() -> None:
    assert [field.path for field in fixed_fields(MAPPING)] == ["title", "credit", "usages.platform"]
    many = {"properties": {f"f{n}": {"type": "keyword"} for n in range(MOST_FIELDS + 5)}}
    assert len(fixed_fields(many)) == MOST_FIELDS


def test_a_field_that_a_run_lost_is_named_everywhere() -> None:
    world = World(mapping=MAPPING)
    world.add("a", "b", title="a title", credit="a credit")
    world.upload("ab")
    world.reindex("run-1")
    first = reported(world, "run-1")
    assert first["filled"] == {"": 2, "title": 2, "credit": 2, "usages.platform": 0}
    assert not list(fallen(first))

    world.add("a", title="a title")
    world.upload("a", name="second")
    world.reindex("run-2")

    second = reported(world, "run-2")
    [credit] = fallen(second)
    assert (credit.path, credit.before, credit.percent) == ("credit", 100.0, 50.0)
    assert "Fewer of them have credit than after the run before" in page(second)
    assert "- credit: 100.0 % then, 50.0 % now" in of_report("PROD", second).text
    changes = {each.name: each.change for each in compared(first, second)}
    assert changes["documents with credit"] == "-50.0 points"
    assert "documents with title" not in changes


def test_an_index_that_does_not_count_keeps_no_run_from_its_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(mapping=MAPPING)
    world.add("a")
    world.upload("a")

    def refuse(*_: object) -> int:
        raise StoreUnavailable("The cluster: _count")

    monkeypatch.setattr(world.index, "count", refuse)

    assert world.reindex()["status"] == "succeeded"
    assert reported(world, "run-1")["filled"] == {}
    assert "Fields of the index" not in page(reported(world, "run-1"))
