"""Any row gives either a document that the index accepts, or a typed failure."""

from collections.abc import Mapping
from dataclasses import fields, replace
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reindex.domain.digest import digest
from reindex.domain.failures import InvalidUserData
from reindex.image.document import build
from reindex.image.mapping import mapping
from reindex.image.truth import StoredObject, UserData
from tests.unit.image.strictness import refusals
from tests.unit.image.truths import FULL, NOW

#: What boto3's resource layer can give: no floats, no empty sets.
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=3) | st.integers().map(Decimal)
LEAVES = (
    st.none()
    | st.booleans()
    | NUMBERS
    | st.text(max_size=5)
    | st.binary(max_size=3)
    | st.sampled_from(["2024-06-01", "0001-01-01T00:00:00+01:00", "allow", "\ud800", "\0"])
    | st.sets(st.text(max_size=3), min_size=1, max_size=3)
    | st.sets(NUMBERS, min_size=1, max_size=3)
    | st.sets(st.binary(max_size=3), min_size=1, max_size=3)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def _broken(value: Any, chance: Random, other: Any) -> Any:
    """`value` with one attribute, at any depth, that holds `other` or is gone."""
    if isinstance(value, StoredObject):
        changed = _broken(value.user_metadata, chance, str(other))
        return replace(value, user_metadata=changed)
    if isinstance(value, Mapping):
        name = chance.choice([*value, "unknown"])
        if chance.random() < 0.1:
            return {each: inner for each, inner in value.items() if each != name}
        inner = value.get(name)
        deeper = isinstance(inner, Mapping | list) and inner and chance.random() < 0.7
        return {**value, name: _broken(inner, chance, other) if deeper else other}
    if isinstance(value, list | tuple):
        place = chance.randrange(len(value))
        items = [
            _broken(item, chance, other) if at == place else item for at, item in enumerate(value)
        ]
        return type(value)(items)
    return other


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from([field.name for field in fields(UserData)]),
    st.integers(0, 2**32).map(Random),
    VALUES,
)
def test_a_malformed_attribute_gives_a_valid_document_or_a_typed_failure(
    table: str, chance: Random, other: Any
) -> None:
    changes: Any = {table: _broken(getattr(FULL.user_data, table), chance, other)}
    image = replace(FULL, user_data=replace(FULL.user_data, **changes))
    try:
        document = build(image, NOW)
    except InvalidUserData as error:
        failure = error.as_failure()
        assert failure.message
        failure.message.encode()
        failure.detail.encode()
    else:
        assert list(refusals(document, mapping())) == []
        assert digest(document)
