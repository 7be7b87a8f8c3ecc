"""The run record and the upload ledger: one small DynamoDB table.

Its items, by ``id``:

- ``current``: the latest run's record. Its attributes have the names of the fields of
  :class:`reindex.domain.run_records.RunRecord`: the state machine writes some of them itself.
- ``ledger#<upload>``: ``count`` and ``id_sum`` of the ids that one upload added, and ``done``;
  ``forgotten_count`` and ``forgotten_sum`` of those that were removed from the table since.
- ``ledger#``: the sum of the folded uploads, and ``folds``, which every fold increments.
- ``failures#<run>``: ``total`` of a run's first failures, and for each fingerprint ``count#…`` and
  ``kind#…``: code, message and some image ids.
- ``forgotten#<operation>``: ``at``, ``by`` and ``what`` of an operation that removed images from
  the table, and their ``count`` and ``id_sum``.

Sums that DynamoDB adds to are stored without the modulus, which it cannot compute.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from reindex.batches import in_batches
from reindex.domain.ledger import Forgetting, Ledger, UploadRecord
from reindex.domain.run_records import RunRecord
from reindex.domain.states import Phase
from reindex.domain.tally import FIRST_FAILURES, Kind
from reindex.stores.attributes import (
    MalformedItem,
    Plain,
    from_attributes,
    to_attribute,
    to_attributes,
)
from reindex.stores.aws import error_code, unavailable, was_retried

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        PutItemInputTypeDef,
        TransactWriteItemTypeDef,
        UpdateItemInputTypeDef,
        UpdateTypeDef,
    )

_SERVICE = "DynamoDB"
_CURRENT = "current"
_LEDGER = "ledger#"

#: Prefix of the items of operations that removed images from the table.
FORGOTTEN = "forgotten#"

_FAILURES = "failures#"
_COUNT_OF, _KIND_OF = "count#", "kind#"

#: Kinds of failure that one update adds: its expression may have 4 KB.
#: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
_MOST_KINDS = 40

#: Uploads that one transaction folds: it may have 100 actions.
#: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
_MOST_FOLDED = 99

_FIELDS = frozenset(field.name for field in fields(RunRecord))
_OPTIONAL = frozenset(field.name for field in fields(RunRecord) if field.default is None)


def to_item(record: RunRecord) -> dict[str, AttributeValueTypeDef]:
    """Return the item of a run's record; a field that is None has no attribute."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return to_attributes({"id": _CURRENT, **{name: _plain(v) for name, v in values.items()}})


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


def _upload(item: Mapping[str, AttributeValueTypeDef]) -> tuple[str, UploadRecord]:
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
    return values["id"].removeprefix(_LEDGER), UploadRecord(brought, done, forgotten)


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


def _forgetting(item: Mapping[str, AttributeValueTypeDef]) -> Forgetting:
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


def _plain(value: Any) -> Plain:
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


class DynamoRuns:
    """The runs table, over DynamoDB's own client (which threads may share).

    Args:
        client: Of DynamoDB.
        table_name: Its key is ``id``.
    """

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table = table_name

    @unavailable(_SERVICE)
    def current(self) -> RunRecord | None:
        """Read the latest run's record consistently; None before the first run."""
        item = self._get(_CURRENT)
        return from_item(item) if item else None

    @unavailable(_SERVICE)
    def open(self, record: RunRecord, instead_of: RunRecord | None) -> bool:
        """Replace the run record by that of a new run.

        Args:
            record: The new run.
            instead_of: The record that was read; replaced only if the stored one is still of the
                same run in the same status.

        Returns:
            False if another process changed the record. True, with nothing changed, if the new run
            is open already: the call may be repeated.
        """
        request: PutItemInputTypeDef = {
            "TableName": self._table,
            "Item": to_item(record),
            "ConditionExpression": "attribute_not_exists(id)",
        }
        if instead_of:
            request["ConditionExpression"] = "run_id = :run_id AND #status = :status"
            request["ExpressionAttributeNames"] = {"#status": "status"}
            request["ExpressionAttributeValues"] = to_attributes(
                {":run_id": instead_of.run_id, ":status": instead_of.status}
            )
        try:
            self._client.put_item(**request)
        except ClientError as error:
            _expect_failed_condition(error)
            found = self.current()
            return found is not None and found.is_open and found.run_id == record.run_id
        return True

    @unavailable(_SERVICE)
    def update(self, run_id: str, changes: Mapping[str, Any]) -> bool:
        """Change fields of the open run's record; None removes one.

        Returns:
            False, with nothing changed, if that run is not open.

        Raises:
            ValueError: The record has no such field, or it must not change or be removed.
        """
        check_fields(changes)
        # The run's id is set too: after a lost answer it shows if the record is still of this run.
        values = {name: _plain(value) for name, value in changes.items()} | {"run_id": run_id}
        condition = "#run_id = :run_id AND #status = :open"
        return self._change(_CURRENT, values, condition, run_id=run_id, open="open") is not None

    @unavailable(_SERVICE)
    def record_report(self, run: RunRecord, changes: Mapping[str, Any]) -> bool:
        """Change fields of a run's record, whether it is open or not.

        Args:
            run: The record as it was read.
            changes: As for :meth:`update`.

        Returns:
            False, with nothing changed, if its status has changed since, or another run began.

        Raises:
            ValueError: The record has no such field, or it must not change or be removed.
        """
        check_fields(changes)
        values = {name: _plain(value) for name, value in changes.items()} | {"run_id": run.run_id}
        condition = "#run_id = :run_id AND #status = :found"
        found = self._change(_CURRENT, values, condition, run_id=run.run_id, found=run.status)
        return found is not None

    @unavailable(_SERVICE)
    def record_progress(
        self,
        run_id: str,
        counts: Mapping[str, int],
        now: float | None,
        changes: Mapping[str, Any] | None = None,
    ) -> bool:
        """Add to the open run's counters, and change fields of its record.

        The counters are for people only: an addition whose answer was lost may be made twice.

        Args:
            run_id: Of the run.
            counts: Numbers to add, by kind.
            now: Epoch seconds for ``progressed_at``; None to leave it unchanged.
            changes: Of fields, as for :meth:`update`; none may be removed.

        Returns:
            False, with nothing changed, if that run is not open.
        """
        fields_ = dict(changes or {}) | ({} if now is None else {"progressed_at": now})
        if not counts:
            return self.update(run_id, fields_)
        return self._add(run_id, "counts", counts, fields_)

    @unavailable(_SERVICE)
    def record_gathered(self, run_id: str, counts: Mapping[str, int]) -> bool:
        """Add to the counts of ids from the open run's source, by what became of them.

        Returns:
            False, with nothing changed, if that run is not open.
        """
        return self._add(run_id, "gathered", counts, {}) if counts else True

    @unavailable(_SERVICE)
    def record_bulks(self, run_id: str, counts: Mapping[str, int]) -> bool:
        """Add to the counts of bulks that the open run's indexers sent.

        The counters only control the pace: an addition whose answer was lost may be made twice.

        Returns:
            False, with nothing changed, if that run is not open.
        """
        return self._add(run_id, "bulks", counts, {})

    @unavailable(_SERVICE)
    def record_failures(self, run_id: str, kinds: Mapping[str, Kind]) -> None:
        """Add to a run's first failures; no effect once they are ``FIRST_FAILURES`` or more.

        They are for people only: an addition whose answer was lost may be made twice, and of a
        fingerprint the first message and examples are kept.
        """
        for batch in in_batches(sorted(kinds.items()), _MOST_KINDS):
            self._add_kinds(run_id, batch)

    def _add_kinds(self, run_id: str, kinds: Sequence[tuple[str, Kind]]) -> None:
        names = {"#total": "total"}
        values: dict[str, Plain] = {
            ":total": sum(kind.count for _, kind in kinds),
            ":most": FIRST_FAILURES,
        }
        for n, (fingerprint, kind) in enumerate(kinds):
            names |= {f"#count{n}": _COUNT_OF + fingerprint, f"#kind{n}": _KIND_OF + fingerprint}
            described: Plain = {
                "code": kind.code,
                "message": kind.message,
                "examples": [*kind.examples],
            }
            values |= {f":count{n}": kind.count, f":kind{n}": described}
        numbers = range(len(kinds))
        sets = ", ".join(f"#kind{n} = if_not_exists(#kind{n}, :kind{n})" for n in numbers)
        adds = ", ".join(["#total :total", *(f"#count{n} :count{n}" for n in numbers)])
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"id": to_attribute(f"{_FAILURES}{run_id}")},
                UpdateExpression=f"SET {sets} ADD {adds}",
                ConditionExpression="attribute_not_exists(#total) OR #total < :most",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=to_attributes(values),
            )
        except ClientError as error:
            _expect_failed_condition(error)

    @unavailable(_SERVICE)
    def first_failures(self, run_id: str) -> dict[str, Kind]:
        """Return the first failures that a run recorded, by fingerprint.

        Raises:
            MalformedItem: They have an unexpected form.
        """
        values = from_attributes(self._get(f"{_FAILURES}{run_id}"))
        counts = {
            name.removeprefix(_COUNT_OF): count
            for name, count in values.items()
            if name.startswith(_COUNT_OF)
        }
        try:
            return {
                fingerprint: Kind(count=count, **values[_KIND_OF + fingerprint])
                for fingerprint, count in counts.items()
            }
        except (KeyError, TypeError) as error:
            raise MalformedItem(f"the failures of run {run_id}: {error}") from error

    @unavailable(_SERVICE)
    def replace_pace(self, run_id: str, pace: Mapping[str, Any], before: float | None) -> bool:
        """Replace the open run's ``indexer_pace``.

        Returns:
            False, with nothing changed, if another process replaced it, or the run is not open.
        """
        condition = "#run_id = :run_id AND #status = :open AND "
        values: dict[str, Plain] = {"run_id": run_id, "open": "open"}
        if before is None:
            condition += "attribute_not_exists(#indexer_pace.#at)"
        else:
            condition += "#indexer_pace.#at = :before"
            values["before"] = before
        changes = {"indexer_pace": _plain(pace)}
        return self._change(_CURRENT, changes, condition, **values) is not None

    def _add(
        self,
        run_id: str,
        field: str,
        counts: Mapping[str, int],
        changes: Mapping[str, Any],
    ) -> bool:
        """Add to the counters in a field of the open run's record, and change other fields."""
        check_fields(changes)
        kinds = {f"kind{n}": kind for n, kind in enumerate(counts)}
        others = {f"field{n}": name for n, name in enumerate(changes)}
        sets = [f"#counts.#{k} = if_not_exists(#counts.#{k}, :zero) + :{k}" for k in kinds]
        sets += [f"#{key} = :{key}" for key in others]
        names = {"counts": field, "status": "status", **kinds, **others}
        values: dict[str, Plain] = {k: counts[kind] for k, kind in kinds.items()}
        values |= {key: _plain(changes[name]) for key, name in others.items()}
        values |= {"zero": 0, "run_id": run_id, "open": "open"}
        request: UpdateItemInputTypeDef = {
            "TableName": self._table,
            "Key": {"id": to_attribute(_CURRENT)},
            "UpdateExpression": f"SET {', '.join(sets)}",
            "ConditionExpression": "run_id = :run_id AND #status = :open",
            "ExpressionAttributeNames": {f"#{k}": name for k, name in names.items()},
            "ExpressionAttributeValues": to_attributes({f":{k}": v for k, v in values.items()}),
        }
        try:
            self._client.update_item(**request)
        except ClientError as error:
            _expect_failed_condition(error)
            return False
        return True

    @unavailable(_SERVICE)
    def record_upload(self, upload: str, brought: Ledger, *, done: bool) -> None:
        """Set the total of ids that one upload has added so far.

        A repeated call changes nothing, nor does a late call with a smaller total.
        """
        self._change(
            f"{_LEDGER}{upload}",
            {"count": brought.count, "id_sum": brought.id_sum, "done": done},
            "attribute_not_exists(#count) OR #count <= :so_far",
            so_far=brought.count,
        )

    @unavailable(_SERVICE)
    def uploads(self) -> dict[str, UploadRecord]:
        """Return the record of each upload by its name; under ``FOLDED`` the sum of folded ones.

        This is a consistent scan of a small table. It is repeated if uploads were folded during
        the scan, which could then show some of them twice or not at all.
        """
        folds = self._folds()
        while True:
            found = dict(map(_upload, self._items(_LEDGER)))
            folds, before = self._folds(), folds
            if folds == before:
                return found

    @unavailable(_SERVICE)
    def fold(self, uploads: Mapping[str, UploadRecord]) -> None:
        """Replace uploads by their sum, each on condition that it is as given here.

        If a transaction conflicts with another, its uploads are left for a later fold.
        """
        for batch in in_batches(sorted(uploads.items()), _MOST_FOLDED):
            brought = sum((record.brought for _, record in batch), Ledger())
            forgotten = sum((record.forgotten for _, record in batch), Ledger())
            additions = {
                "count": brought.count,
                "id_sum": brought.id_sum,
                "forgotten_count": forgotten.count,
                "forgotten_sum": forgotten.id_sum,
                "folds": 1,
            }
            try:
                self._client.transact_write_items(
                    TransactItems=[
                        *(self._removal(name, record) for name, record in batch),
                        {"Update": addition(self._table, _LEDGER, additions, {"done": True})},
                    ]
                )
            except ClientError as error:
                if error_code(error) != "TransactionCanceledException":
                    raise

    def _removal(self, upload: str, record: UploadRecord) -> TransactWriteItemTypeDef:
        values: dict[str, Plain] = {"count": record.brought.count, "done": record.done}
        condition = "#count = :count AND #done = :done"
        names = ["count", "done", "forgotten_count"]
        if record.forgotten == Ledger():
            condition += " AND attribute_not_exists(#forgotten_count)"
        else:
            condition += " AND #forgotten_count = :forgotten_count"
            values["forgotten_count"] = record.forgotten.count
        return {
            "Delete": {
                "TableName": self._table,
                "Key": {"id": to_attribute(f"{_LEDGER}{upload}")},
                "ConditionExpression": condition,
                "ExpressionAttributeNames": {f"#{name}": name for name in names},
                "ExpressionAttributeValues": to_attributes(
                    {f":{name}": value for name, value in values.items()}
                ),
            }
        }

    @unavailable(_SERVICE)
    def forgettings(self) -> list[Forgetting]:
        """Return the operations that removed images from the progress table, in order of time."""
        return sorted(map(_forgetting, self._items(FORGOTTEN)), key=lambda found: found.at)

    def _folds(self) -> int:
        folds = from_attributes(self._get(_LEDGER)).get("folds", 0)
        return folds if type(folds) is int else 0

    def _items(self, prefix: str) -> Iterator[Mapping[str, AttributeValueTypeDef]]:
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table,
            ConsistentRead=True,
            FilterExpression="begins_with(id, :prefix)",
            ExpressionAttributeValues={":prefix": to_attribute(prefix)},
        )
        for page in pages:
            yield from page["Items"]

    def _change(
        self, item_id: str, changes: Mapping[str, Plain], condition: str, **values: Plain
    ) -> dict[str, Any] | None:
        """Set attributes of an item, or remove those given as None, on a condition.

        Args:
            item_id: Of the item; it is created if it is missing and the condition allows it.
            changes: By attribute.
            condition: With ``#name`` for an attribute, and ``:name`` for one of the values.
            values: Of the condition.

        Returns:
            The item's plain values afterwards; None, with nothing changed, if the condition is
            false.
        """
        news = {name: value for name, value in changes.items() if value is not None}
        clauses = {
            "SET": [f"#{name} = :new_{name}" for name in news],
            "REMOVE": [f"#{name}" for name in changes if name not in news],
        }
        names = {*changes, *re.findall(r"#(\w+)", condition)}
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key={"id": to_attribute(item_id)},
                UpdateExpression=" ".join(
                    f"{verb} {', '.join(targets)}" for verb, targets in clauses.items() if targets
                ),
                ConditionExpression=condition,
                ExpressionAttributeNames={f"#{name}": name for name in names},
                ExpressionAttributeValues=to_attributes(
                    {f":new_{name}": value for name, value in news.items()}
                    | {f":{name}": value for name, value in values.items()}
                ),
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            _expect_failed_condition(error)
            if not was_retried(error.response):
                return None
            found = from_attributes(self._get(item_id))
            ours = all(found.get(name) == value for name, value in changes.items())
            return found if ours else None
        return from_attributes(answer["Attributes"])

    def _get(self, item_id: str) -> dict[str, AttributeValueTypeDef]:
        key = {"id": to_attribute(item_id)}
        return self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get(
            "Item", {}
        )


def ledger_item(upload: str) -> str:
    """Return the id of an upload's item in the ledger; for ``FOLDED``, of the sum."""
    return f"{_LEDGER}{upload}"


def addition(
    table: str, item_id: str, more: Mapping[str, int], fixed: Mapping[str, Plain]
) -> UpdateTypeDef:
    """Return the part of a transaction that adds to attributes of an item, or creates it.

    Args:
        table: Its table.
        item_id: Of the item.
        more: Numbers to add, by attribute.
        fixed: Values of other attributes to set.
    """
    adds = ", ".join(f"#{name} :{name}" for name in more)
    sets = ", ".join(f"#{name} = :{name}" for name in fixed)
    values: dict[str, Plain] = {**more, **fixed}
    return {
        "TableName": table,
        "Key": {"id": to_attribute(item_id)},
        "UpdateExpression": f"ADD {adds} SET {sets}" if sets else f"ADD {adds}",
        "ExpressionAttributeNames": {f"#{name}": name for name in values},
        "ExpressionAttributeValues": to_attributes({f":{n}": v for n, v in values.items()}),
    }


def _expect_failed_condition(error: ClientError) -> None:
    if error_code(error) != "ConditionalCheckFailedException":
        raise error
