"""What becomes of fields when documents are replaced."""

from __future__ import annotations

from typing import Any

import pytest

from reindex.reports.field_changes import Example, FieldChanges, flatten


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"a": 1, "b": {"c": "x"}}, {"a": 1, "b.c": "x"}),
        ({"a": None, "b": "", "c": [], "d": {}, "e": {"f": None}}, {}),
        ({"a": 0, "b": False}, {"a": 0, "b": False}),
        ({"a": ["x", "y"]}, {"a": ["x", "y"]}),
        ({"a": [{"b": 1}, {"b": 2, "c": 3}]}, {"a[].b": [1, 2], "a[].c": [3]}),
        ({"a": [{"b": [{"c": 1}, {"c": 2}]}]}, {"a[].b[].c": [1, 2]}),
    ],
)
def test_what_a_document_holds(document: dict[str, Any], found: dict[str, Any]) -> None:
    assert flatten(document) == found


def test_each_field_is_kept_changed_lost_or_gained() -> None:
    changes = FieldChanges()
    changes.add("1", {"same": 1, "changed": "a", "lost": "x"}, {"same": 1, "changed": "b"})
    changes.add("2", {"same": 1, "lost": "y"}, {"same": 1, "gained": 2})

    counts = {
        f.path: (f.before, f.after, f.same, f.changed, f.lost, f.gained) for f in changes.by_harm()
    }
    assert counts == {
        "lost": (2, 0, 0, 0, 2, 0),
        "changed": (1, 1, 0, 1, 0, 0),
        "same": (2, 2, 2, 0, 0, 0),
        "gained": (0, 1, 0, 0, 0, 1),
    }
    assert next(f.path for f in changes.by_harm()) == "lost", "what is most lost comes first"
    assert changes.fields["lost"].fall(changes.documents) == 100
    assert changes.fields["lost"].examples == {
        "lost": [Example("1", "x", None), Example("2", "y", None)]
    }


def test_examples_are_few_and_short() -> None:
    changes = FieldChanges()
    for number in range(10):
        changes.add(str(number), {"a": "x" * 1_000, "b": list(range(50))}, {})

    [a, b] = (changes.fields[name].examples["lost"] for name in "ab")
    assert len(a) == len(b) == 3
    assert len(a[0].before) == 301
    assert b[0].before == [0, 1, 2, "…"]
