"""The items of the runs table: their ids, and how each is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from reindex.domain.ledger import Forgetting, Ledger, UploadRecord
from reindex.domain.run_records import RunRecord
from reindex.domain.states import Phase
from reindex.stores.attributes import MalformedItem, Plain, from_attributes, to_attributes

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

#: Id of the item of the latest run.
CURRENT = "current"

#: Prefix of the items of uploads; alone, the id of the sum of the folded ones.
LEDGER = "ledger#"

#: Prefix of the items of operations that removed images from the table.
FORGOTTEN = "forgotten#"

#: Prefix of the items with the first failures of a run.
FAILURES = "failures#"

#: Prefixes of their attributes, before the fingerprint.
COUNT_OF, KIND_OF = "count#", "kind#"

_FIELDS = frozenset(field.name for field in fields(RunRecord))
_OPTIONAL = frozenset(field.name for field in fields(RunRecord) if field.default is None)


def to_item(record: RunRecord) -> dict[str, AttributeValueTypeDef]:
    """Return the item of a run's record; a field that is None has no attribute."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return to_attributes({"id": CURRENT, **{name: plain_value(v) for name, v in values.items()}})


def from_item(item: Mapping[str, AttributeValueTypeDef]) -> RunRecord:
    """Read a run's record.

    Raises:
        MalformedItem: A field is missing, or the phase is unknown.
    """
    values = from_attributes({name: item[name] for name in item.keys() & _FIELDS})
    known = {name: value for name, value in values.items() if value is not None}
    try:
        if "phase" in known:
            known["phase"] = Phase(known["phase"])
        return RunRecord(**known)
    except (TypeError, ValueError) as error:
        raise MalformedItem(f"run record: {error}") from error


def upload_record(item: Mapping[str, AttributeValueTypeDef]) -> tuple[str, UploadRecord]:
    """Read an upload's item of the ledger: its name and its record.

    Raises:
        MalformedItem: Names the item.
    """
    values = from_attributes(item)
    done = values.get("done")
    if type(done) is not bool:
        raise MalformedItem(f"{values['id']}: done: {done!r}")
    brought = _ledger(values, "count", "id_sum")
    forgotten = Ledger()
    if "forgotten_count" in values:
        forgotten = _ledger(values, "forgotten_count", "forgotten_sum")
    return values["id"].removeprefix(LEDGER), UploadRecord(brought, done, forgotten)


def _ledger(values: Mapping[str, Any], count_name: str, sum_name: str) -> Ledger:
    """Read a count of ids, and the sum of their hashes.

    Raises:
        MalformedItem: Names the item.
    """
    count, id_sum = values.get(count_name), values.get(sum_name)
    # "type", not "isinstance": a boolean is an int in Python, and must be rejected here.
    if type(count) is not int or type(id_sum) is not int:
        raise MalformedItem(f"{values['id']}: {count!r} ids, {id_sum!r}")
    return Ledger(count, id_sum % 2**64)


def forgetting_record(item: Mapping[str, AttributeValueTypeDef]) -> Forgetting:
    """Read an operation that removed images from the table.

    Raises:
        MalformedItem: Names the item.
    """
    values = from_attributes(item)
    name, at = values["id"].removeprefix(FORGOTTEN), values.get("at")
    if not isinstance(at, int | float):
        raise MalformedItem(f"{values['id']}: at {at!r}")
    return Forgetting(
        name=name,
        at=at,
        by=str(values.get("by")),
        what=str(values.get("what")),
        images=_ledger(values, "count", "id_sum"),
    )


def plain_value(value: Any) -> Plain:
    """Return a field's value as it is stored."""
    match value:
        case Phase():
            return value.value
        case Mapping():
            return dict(value)
        case _:
            plain: Plain = value
            return plain


def check_fields(changes: Mapping[str, Any]) -> None:
    """Reject changes after which the item would not be the record of a run.

    Raises:
        ValueError: Names the fields that a record does not have, or that must not change or be
            removed.
    """
    removed = {name for name, value in changes.items() if value is None}
    if wrong := (changes.keys() - (_FIELDS - {"run_id"})) | (removed - _OPTIONAL):
        raise ValueError(f"not to be changed so in a run's record: {', '.join(sorted(wrong))}")


def ledger_item(upload: str) -> str:
    """Return the id of an upload's item in the ledger; for ``FOLDED``, of the sum."""
    return f"{LEDGER}{upload}"
