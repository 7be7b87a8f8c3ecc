"""When a stored document was last modified, by whatever times it holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reindex.domain.stamps import STAMPS, modified_at, parse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00.000+00:00",
        " 2026-03-01T13:00:00+01:00 ",
        "2026-03-01 12:00:00",
        "20260301T120000Z",
        NOON,
        int(NOON),
        NOON * 1000,
    ],
    ids=str,
)
def test_a_time_is_read_in_the_forms_that_programs_write(value: object) -> None:
    assert parse(value) == NOON


@pytest.mark.parametrize(
    "value",
    ["", "yesterday", "2026-13-01", True, None, [], {}, float("nan"), float("inf"), "0000-00-00"],
    ids=str,
)
def test_what_is_no_time_is_passed_over(value: object) -> None:
    assert parse(value) is None
    assert modified_at({"lastModified": value, "usagesLastModified": NOON}) == NOON


def test_the_latest_stamp_counts_wherever_it_is() -> None:
    for path in STAMPS:
        document: Any = "2026-03-01T12:00:00Z"
        for name in reversed(path.split(".")):
            document = {name: document}
        assert modified_at({"lastModified": "2020-01-01", **document}) == NOON, path


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([s.split(".")[0] for s in STAMPS]), json_values))
def test_no_document_is_too_odd(document: dict[str, Any]) -> None:
    modified_at(document)
