import json
from typing import Any

import pytest

from reindex.domain.options import RunOptions, Source, source_in_words
from reindex.settings import SettingsError


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (RunOptions(), {"source": {"kind": "table"}}),
        (
            RunOptions(source=Source(kind="bucket"), limit=5, only_new=True),
            {"source": {"kind": "bucket"}, "limit": 5, "only_new": True},
        ),
        (
            RunOptions(source=Source(kind="index", query={"match_all": {}}), skip_unchanged=True),
            {"source": {"kind": "index", "query": {"match_all": {}}}, "skip_unchanged": True},
        ),
        (
            RunOptions(source=Source(kind="file", key="uploads/x.txt")),
            {"source": {"kind": "file", "key": "uploads/x.txt"}},
        ),
    ],
)
def test_options_are_read_as_they_are_written(options: RunOptions, told: dict[str, Any]) -> None:
    assert options.as_input() == told
    assert RunOptions.of(told) == options


@pytest.mark.parametrize("told", [{}, {"source": {}}, {"source": {"query": None}, "limit": None}])
def test_what_goes_without_saying(told: dict[str, Any]) -> None:
    assert RunOptions.of(told) == RunOptions()


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ([], r"the run's input must be an object, not \[\]"),
        ({"limit": "5"}, 'limit must be a whole number, not "5"'),
        ({"source": {"kind": "bucket"}, "limit": 0}, "limit must be at least 1"),
        ({"source": {"kind": "bucket", "query": {}}}, "source.query is for the source index"),
        ({"source": {"kind": "index", "key": "x"}}, "source.key is for the source file"),
        ({"source": {"kind": "file"}}, "source.key must begin with uploads/"),
        ({"source": {"kind": "file", "key": "reports/x"}}, "source.key must begin with uploads/"),
        ({"only_new": True}, "limit and only_new need another source than table"),
    ],
)
def test_inputs_that_are_no_options_are_refused(told: Any, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        RunOptions.of(told)


def test_a_long_query_is_recorded_by_its_length() -> None:
    query = {"terms": {"id": [f"image-{n}" for n in range(1_000)]}}
    options = RunOptions(source=Source(kind="index", query=query), limit=5)

    recorded = json.loads(options.as_recorded())

    assert len(options.as_recorded()) < 200
    assert recorded["limit"] == 5
    assert source_in_words(recorded) == (
        f"documents of the index that match a query of {len(json.dumps(query)):,} characters"
    )
    assert options.as_input()["source"]["query"] == query, "the run itself works by all of it"
