"""Whether an index that another program made will accept our documents."""

from typing import Any

import pytest

from reindex.image.mapping import mapping
from reindex.stores.mapping_gaps import mapping_gaps

STRICT = {"dynamic": "strict"}
KEYWORD = {"type": "keyword"}


def _of(**properties: Any) -> dict[str, Any]:
    return {"properties": properties}


def test_our_own_mapping_lacks_nothing() -> None:
    assert mapping_gaps(mapping(), mapping()) == []


def test_a_mapping_as_elasticsearch_gives_it_back_lacks_nothing() -> None:
    # It names no type of plain objects, and writes booleans as text.
    wanted = {"type": "object", "dynamic": True, **_of(id=KEYWORD)}
    live = {"dynamic": "true", **_of(id=KEYWORD)}

    assert mapping_gaps(_of(inner=live), _of(inner=wanted)) == []


def test_a_field_is_missing_when_its_parent_is_strict() -> None:
    assert mapping_gaps(STRICT, STRICT | _of(id=KEYWORD)) == [
        "id is missing, and its parent is strict"
    ]


@pytest.mark.parametrize("dynamic", [True, "true", "false", "runtime"])
def test_a_field_is_not_missing_when_its_parent_takes_any(dynamic: object) -> None:
    assert mapping_gaps({"dynamic": dynamic}, STRICT | _of(id=KEYWORD)) == []


def test_strictness_is_inherited() -> None:
    live = STRICT | _of(metadata=_of(title=KEYWORD))
    wanted = STRICT | _of(metadata=_of(title=KEYWORD, credit=KEYWORD))

    assert mapping_gaps(live, wanted) == ["metadata.credit is missing, and its parent is strict"]


def test_strictness_can_end_inside() -> None:
    live = STRICT | _of(fileMetadata={"dynamic": "true"})
    wanted = STRICT | _of(fileMetadata={"dynamic": True, **_of(exif=_of(Make=KEYWORD))})

    assert mapping_gaps(live, wanted) == []


def test_an_object_of_any_names_is_not_held_by_a_strict_one() -> None:
    live = STRICT | _of(identifiers={"type": "object"})
    wanted = STRICT | _of(identifiers={"dynamic": True})

    assert mapping_gaps(live, wanted) == [
        "identifiers is strict, where documents bring names of their own"
    ]


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        ({"type": "text"}, KEYWORD),
        (KEYWORD, {"type": "text"}),
        ({"type": "integer"}, {"type": "long"}),
        ({"type": "date_nanos"}, {"type": "date"}),
        ({"enabled": False}, _of(anything=KEYWORD)),
    ],
)
def test_a_type_that_takes_the_same_values_will_do(live: Any, wanted: Any) -> None:
    assert mapping_gaps(_of(field=live), _of(field=wanted)) == []


@pytest.mark.parametrize(
    ("live", "wanted", "gap"),
    [
        (KEYWORD, {"type": "date"}, "field is keyword, where documents hold date"),
        ({"type": "long"}, KEYWORD, "field is long, where documents hold keyword"),
        (_of(), {"type": "nested"}, "field is object, where documents hold nested"),
        (KEYWORD, _of(inner=KEYWORD), "field is keyword, where documents hold object"),
    ],
)
def test_another_type_is_named_with_the_expected_one(live: Any, wanted: Any, gap: str) -> None:
    assert mapping_gaps(_of(field=live), _of(field=wanted)) == [gap]
