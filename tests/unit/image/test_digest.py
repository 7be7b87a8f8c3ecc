import json
import os
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reindex.domain.digest import (
    DIGEST_LENGTH,
    add_hashes,
    canonical_json,
    digest,
    id_hash,
    pair_hash,
    sum_of_ids,
    sum_of_pairs,
)
from reindex.image.document import build, with_provenance
from tests.unit.image.truths import FULL, NOW

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [True, None, 1.5]}, b'{"a":[true,null,1.5],"b":1}'),
        ({"é": "\u2028"}, '{"é":"\u2028"}'.encode()),
        ("\ud83d\ude00", '"😀"'.encode()),
        ("\ud800", '"\ufffd"'.encode()),
        ({"\ufffe": 1, "\ud800": 2}, '{"\ufffd":2,"\ufffe":1}'.encode()),
    ],
)
def test_canonical_json(value: object, expected: bytes) -> None:
    assert canonical_json(value) == expected


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": float("-inf")}])
def test_numbers_that_json_cannot_hold_are_rejected(value: object) -> None:
    with pytest.raises(ValueError, match=r"JSON|nan|inf"):
        canonical_json(value)


@pytest.mark.parametrize("value", [{1}, Decimal(1), b"x", {1: 2}, [{None: 1}], {True: 1}])
def test_values_that_json_cannot_hold_are_rejected(value: object) -> None:
    with pytest.raises(TypeError):
        canonical_json(value)


@given(JSON)
def test_canonical_json_survives_a_round_trip(value: Any) -> None:
    once = canonical_json(value)
    assert canonical_json(json.loads(once)) == once


def test_the_digest_has_the_documented_form() -> None:
    assert len(digest({})) == DIGEST_LENGTH
    int(digest({}), 16)


def test_the_digest_excludes_provenance_and_the_current_time() -> None:
    built = build(FULL, NOW)
    later = build(FULL, NOW.replace(year=2050))
    written = with_provenance(
        later, digest=digest(built), run_id="r", stage="TEST", projected_at=NOW, projector="p"
    )
    assert digest(json.loads(json.dumps(written))) == digest(built)


def test_the_current_time_changes_the_document() -> None:
    before = build(FULL, NOW.replace(month=6, day=15))
    assert before["leases"] != build(FULL, NOW)["leases"]
    assert digest(before) == digest(build(FULL, NOW))


@pytest.mark.parametrize(
    ("preserve", "added"),
    [
        (["embedding"], {"embedding": {"cohere": {"image": [0.5]}}}),
        (["embedding.cohere"], {"embedding": {"cohere": {"image": [0.5]}}}),
        (["usagesLastModified"], {"usagesLastModified": "2024-01-01T00:00:00.000Z"}),
        (["esInfo.migration"], {"esInfo": {"migration": {"migratedTo": "images_2"}}}),
        (["photos.suggest"], {"photos": {"suggest": {"input": ["a"]}}}),
        (["a.b.c", "a.d"], {"a": {"b": {"c": 1}, "d": 2}}),
    ],
)
def test_the_digest_excludes_preserved_fields(preserve: list[str], added: dict[str, Any]) -> None:
    built = build(FULL, NOW)
    assert digest({**built, **added}, preserve) == digest(built)
    assert digest(built, preserve) == digest(built)


def test_a_preserved_field_inside_our_field_is_excluded_alone() -> None:
    one = {"userMetadata": {"photoshoot": {"title": "A", "suggest": {"input": ["A"]}}}}
    bare = {"userMetadata": {"photoshoot": {"title": "A"}}}
    preserve = ["userMetadata.photoshoot.suggest"]
    assert digest(one, preserve) == digest(bare) != digest(one)
    assert "suggest" in one["userMetadata"]["photoshoot"], "the document is left as it is"


def test_an_object_that_was_empty_before_is_kept() -> None:
    assert digest({"usageRights": {}}, ["usageRights.category"]) != digest({})


@pytest.mark.parametrize(
    "change",
    [
        {"lastModified": "2024-06-15T11:00:00.001Z"},
        {"usageRights": {}},
        {"originalUsageRights": None},
        {"leases": {"leases": []}},
    ],
)
def test_any_other_change_changes_the_digest(change: dict[str, Any]) -> None:
    built = build(FULL, NOW)
    assert digest({**built, **change}) != digest(built)


SCRIPT = """
import sys
from reindex.domain.digest import canonical_json, digest, sum_of_ids
from reindex.image.document import build
from tests.unit.image.truths import FULL, NOW
document = build(FULL, NOW)
print(digest(document), sum_of_ids(["a", "b"]), canonical_json(document).hex())
"""


def test_the_digest_is_the_same_in_every_process() -> None:
    outputs = set()
    for seed in ("0", "1", "4242"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=env, check=True, capture_output=True, text=True
        )
        outputs.add(run.stdout)
    assert len(outputs) == 1
    assert outputs.pop().startswith(digest(build(FULL, NOW)))


def test_hashes_have_the_documented_values() -> None:
    # The first eight bytes of SHA-256("abc"), FIPS 180-4's own example.
    assert id_hash("abc") == 0xBA7816BF8F01CFEA
    assert id_hash("\ud800") == id_hash("\ufffd")
    assert pair_hash("a", "b") != pair_hash("b", "a") != id_hash("a")


@given(st.lists(st.text(), max_size=20), st.data())
def test_sums_do_not_depend_on_order_and_can_be_split(ids: list[str], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(ids))
    cut = data.draw(st.integers(0, len(ids)))
    total = sum_of_ids(ids)
    assert 0 <= total < 2**64
    assert sum_of_ids(shuffled[cut:], sum_of_ids(shuffled[:cut])) == total
    assert add_hashes((-id_hash(image_id) for image_id in ids), total) == 0
    pairs = [(image_id, digest({"id": image_id})) for image_id in ids]
    assert sum_of_pairs(reversed(pairs)) == sum_of_pairs(pairs)
