"""The form of rows and run records in DynamoDB, and what is refused on reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reindex.domain.failures import MAX_DETAIL, MAX_MESSAGE, Failure, SourceUnavailable
from reindex.domain.ledger import Ledger, UploadRecord
from reindex.domain.progress import ProgressRow, Retry
from reindex.domain.run_records import RunRecord
from reindex.domain.states import Phase
from reindex.stores import progress_table
from reindex.stores.attributes import (
    MalformedItem,
    Plain,
    from_attribute,
    from_attributes,
    to_attribute,
    to_attributes,
)
from reindex.stores.interfaces.progress_table import Change
from reindex.stores.runs import items

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

NOW = 1_795_305_600.25
SHA_1 = "f" * 40
FAILURE = Failure("truncated", "It ends before its dimensions", "byte 17 of 40", retryable=True)


def new_row() -> ProgressRow:
    return ProgressRow.new("a", "upload-1", NOW)


def enqueued() -> ProgressRow:
    return new_row().enqueued(digest="d", created=True, run_id="r", check_at=NOW, now=NOW)


def size(attribute: Mapping[str, Any]) -> int:
    """Bytes of an attribute's value, as DynamoDB counts them (numbers: no fewer)."""
    ((kind, value),) = attribute.items()
    match kind:
        case "M":
            return 3 + sum(1 + len(name.encode()) + size(member) for name, member in value.items())
        case "BOOL":
            return 1
        case _:
            return len(value.encode())


@pytest.mark.parametrize(
    ("plain", "attribute"),
    [
        (None, {"NULL": True}),
        (True, {"BOOL": True}),
        ("", {"S": ""}),
        (0, {"N": "0"}),
        (2**64 - 1, {"N": "18446744073709551615"}),
        (1_795_305_600.25, {"N": "1795305600.25"}),
        (["a", 1], {"L": [{"S": "a"}, {"N": "1"}]}),
        ({"a": {"b": False}}, {"M": {"a": {"M": {"b": {"BOOL": False}}}}}),
    ],
)
def test_a_plain_value_has_its_attribute_and_back(
    plain: Plain, attribute: AttributeValueTypeDef
) -> None:
    assert to_attribute(plain) == attribute
    assert from_attribute(attribute) == plain
    assert type(from_attribute(attribute)) is type(plain)


@pytest.mark.parametrize(
    ("digits", "number"), [("17.0", 17), ("1.7E3", 1700), ("1E+20", 10**20), ("-0.5", -0.5)]
)
def test_a_number_is_read_however_it_is_written(digits: str, number: float) -> None:
    found = from_attribute({"N": digits})
    assert found == number
    assert type(found) is type(number)


def test_a_type_that_no_table_of_ours_uses_is_named() -> None:
    with pytest.raises(MalformedItem, match=r"'b'.*SS"):
        from_attributes({"id": {"S": "b"}, "failure": {"M": {"code": {"SS": ["a"]}}}})


def test_a_new_row_has_no_attribute_too_many() -> None:
    assert progress_table.to_item(new_row()) == {
        "id": {"S": "a"},
        "upload": {"S": "upload-1"},
        "state": {"S": "queued"},
        "rev": {"N": "1"},
        "attempts": {"N": "0"},
        "updated_at": {"S": "2026-11-22T00:00:00.250Z"},
        "due_at": {"N": "0"},
    }


def test_a_finished_row_is_never_due() -> None:
    item = progress_table.to_item(enqueued().verified(NOW))
    assert item.keys().isdisjoint({"due_at", "failure", "waits"})
    assert item["created"] == {"BOOL": True}


def test_a_row_with_the_longest_texts_costs_one_write_unit() -> None:
    row = replace(enqueued(), id=SHA_1, digest="d" * 64, run_id="r" * 80, attempts=10, waits=3)
    longest = SourceUnavailable("m" * (MAX_MESSAGE + 1), "d" * (MAX_DETAIL + 1)).as_failure()
    failed = row.failed(longest, run_id="r" * 80, retry=Retry(max_attempts=99), now=NOW)
    item = progress_table.to_item(replace(failed, upload="u" * 40))
    assert sum(len(name) + size(value) for name, value in item.items()) < 1024


def test_an_update_sets_what_differs_and_removes_what_is_gone() -> None:
    before = enqueued()
    statement = progress_table.update("progress", Change(before, before.verified(NOW + 1)))
    assert statement["Statement"] == (
        'UPDATE "progress" SET "state"=? SET "rev"=? SET "updated_at"=? '
        'REMOVE "due_at" WHERE "id"=? AND "state"=? AND "rev"=?'
    )
    assert statement["Parameters"] == [
        {"S": "verified"},
        {"N": "3"},
        {"S": "2026-11-22T00:00:01.250Z"},
        {"S": "a"},
        {"S": "enqueued"},
        {"N": "2"},
    ]


def test_an_attribute_that_we_do_not_know_is_left_alone() -> None:
    item = progress_table.to_item(new_row()) | {"mark": to_attribute("x")}
    assert progress_table.from_item(item) == new_row()


@pytest.mark.parametrize(
    ("attributes", "complaint"),
    [
        ({"rev": None}, "rev is None"),
        ({"rev": "1"}, "rev is '1'"),
        ({"rev": 1.5}, "rev is 1.5"),
        ({"rev": True}, "rev is True"),
        ({"state": "lost"}, "'lost' is not a valid State"),
        ({"created": 1}, "created is 1"),
        ({"failure": "broken"}, "failure is 'broken'"),
        ({"failure": {"code": "truncated"}}, "message is None"),
        ({"due_at": None}, "due at None"),
        ({"state": "verified"}, "verified, yet due at 0"),
    ],
)
def test_a_malformed_row_is_named_with_its_fault(
    attributes: dict[str, Plain], complaint: str
) -> None:
    item = progress_table.to_item(new_row())
    for name in attributes:
        item.pop(name, None)
    with pytest.raises(MalformedItem, match=r"^progress row 'a': .*") as raised:
        progress_table.from_item(item | to_attributes(attributes))
    assert complaint in str(raised.value)


def run_record() -> RunRecord:
    return RunRecord(
        run_id="run-1",
        execution="arn:execution",
        index="images_2",
        alias="images",
        started_at=NOW,
        progressed_at=NOW,
    )


def test_a_run_record_that_the_state_machine_wrote_to_is_read() -> None:
    item = items.to_item(run_record()) | {
        "phase": {"S": "index"},
        "opening": {"BOOL": True},
        "progressed_at": {"N": "1795305601.5"},
        "task_token": {"NULL": True},
        "noted_by_another": {"SS": ["x"]},
    }
    assert items.from_item(item) == replace(
        run_record(), phase=Phase.INDEX, opening=True, progressed_at=NOW + 1.25
    )


@pytest.mark.parametrize(
    ("name", "attribute"), [("alias", {"NULL": True}), ("phase", {"S": "lunch"})]
)
def test_a_malformed_run_record_says_so(name: str, attribute: AttributeValueTypeDef) -> None:
    with pytest.raises(MalformedItem, match=f"^run record: .*{name}|lunch"):
        items.from_item(items.to_item(run_record()) | {name: attribute})


@pytest.mark.parametrize(
    "change", [{"count": "3"}, {"id_sum": None}, {"done": 1}, {"count": True}], ids=str
)
def test_a_malformed_item_of_the_ledger_says_so(change: dict[str, Any]) -> None:
    sound: dict[str, Any] = {"id": "ledger#upload-1", "count": 3, "id_sum": 7, "done": True}
    assert items.upload_record(to_attributes(sound)) == (
        "upload-1",
        UploadRecord(Ledger(3, 7), done=True),
    )
    with pytest.raises(MalformedItem, match="ledger#upload-1"):
        items.upload_record(to_attributes(sound | change))
