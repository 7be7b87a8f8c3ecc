"""The order of rows and attributes changes neither the document's bytes nor its digest."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reindex.domain.digest import canonical_json, digest
from reindex.image.document import build
from reindex.image.mapping import mapping
from reindex.image.truth import ImageTruth, Row, UserData
from tests.unit.image.strictness import refusals
from tests.unit.image.truths import (
    FULL,
    NOW,
    collection,
    crop,
    in_collections,
    lease,
    truth,
    usage,
)

#: Rows that come in no order; other lists have one of their own.
UNORDERED = {"usages", "leases", "collections", "crops"}

CHANCE = st.integers(0, 2**32).map(Random)
NAMES = st.sampled_from(["a", "b", "c", "Ä", "漢"])
MILLIS = st.sampled_from([Decimal(1718186400000 + minute * 60_000) for minute in range(3)])
DATES = st.sampled_from(
    [None, "2024-06-01T00:00:00.000Z", "2024-06-02T00:00:00+01:00", "2024-06-03"]
)
USAGES = st.lists(
    st.builds(
        usage,
        grouping=NAMES,
        usage_id=NAMES,
        usage_status=st.sampled_from(["pending", "published", "failed"]),
        last_modified=MILLIS,
        date_added=st.none() | MILLIS,
        date_removed=st.none() | MILLIS,
        front_metadata=st.none() | st.fixed_dictionaries({"front": NAMES}),
    ),
    unique_by=lambda row: (row["grouping"], row["usage_id"]),
    max_size=6,
)
LEASES = st.lists(
    st.builds(lease, id=NAMES, createdAt=DATES, startDate=DATES, endDate=DATES),
    unique_by=lambda row: row["id"],
    max_size=4,
)
COLLECTIONS = st.lists(
    st.builds(
        lambda path, author, date: collection(*path, actionData={"author": author, "date": date}),
        st.lists(NAMES, min_size=1, max_size=2),
        NAMES,
        DATES,
    ),
    max_size=4,
)
CROPS = st.lists(
    st.builds(
        lambda name, x, width, date: crop(name, bounds_x=x, width=width, date=date or ""),
        st.sampled_from(["1/a.jpg", "1/b.jpg", "1/master/a.jpg", "2/master/a.jpg", "2/c.jpg"]),
        st.sampled_from(["0", "7", "10"]),
        st.sampled_from(["500", "1000"]),
        DATES,
    ),
    unique_by=lambda stored: stored.uri,
    max_size=5,
)
EDITS = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "labels": st.sets(NAMES),
        "metadata": st.dictionaries(
            st.sampled_from(["title", "city", "credit"]), st.just("") | NAMES
        ),
        "usageRights": st.dictionaries(st.sampled_from(["category", "supplier"]), NAMES),
        "lastModified": DATES,
    },
)


def _shuffled(value: Any, chance: Random, name: str = "") -> Any:
    """The same truth, with everything that has no order of its own in another one."""
    if is_dataclass(value) and not isinstance(value, type):
        changes = {
            field.name: _shuffled(getattr(value, field.name), chance, field.name)
            for field in fields(value)
        }
        return replace(value, **changes)
    if isinstance(value, Mapping):
        names = chance.sample(list(value), len(value))
        return {each: _shuffled(value[each], chance, each) for each in names}
    if isinstance(value, set):
        return set(chance.sample(sorted(value), len(value)))
    if isinstance(value, Sequence) and not isinstance(value, str):
        items = [_shuffled(item, chance) for item in value]
        return chance.sample(items, len(items)) if name in UNORDERED else items
    return value


def _assert_order_never_matters(image: ImageTruth, chance: Random) -> None:
    document, other = build(image, NOW), build(_shuffled(image, chance), NOW)
    assert canonical_json(other) == canonical_json(document)
    assert json.dumps(other) == json.dumps(document), "even where keys are written as they come"
    assert digest(other) == digest(document)
    assert list(refusals(document, mapping())) == []


@given(CHANCE)
def test_order_never_matters_for_an_image_with_all_data(chance: Random) -> None:
    _assert_order_never_matters(FULL, chance)


@given(USAGES, LEASES, COLLECTIONS, CROPS, EDITS, CHANCE)
def test_order_never_matters_for_any_image(
    usages: list[Row],
    leases: list[Row],
    collections: list[dict[str, Any]],
    crops: list[Any],
    edits: Row | None,
    chance: Random,
) -> None:
    user_data = UserData(usages, leases, in_collections(*collections), edits, crops=crops)
    _assert_order_never_matters(replace(truth(), user_data=user_data), chance)
