"""The runs table in DynamoDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from reindex.batches import in_batches
from reindex.domain.ledger import Forgetting, Ledger, UploadRecord
from reindex.domain.run_records import RunRecord
from reindex.domain.tally import FIRST_FAILURES, Kind
from reindex.stores.attributes import (
    MalformedItem,
    Plain,
    from_attributes,
    to_attribute,
    to_attributes,
)
from reindex.stores.aws import error_code, unavailable
from reindex.stores.runs.items import (
    COUNT_OF,
    CURRENT,
    FAILURES,
    FORGOTTEN,
    KIND_OF,
    LEDGER,
    check_fields,
    forgetting_record,
    from_item,
    plain_value,
    to_item,
    upload_record,
)
from reindex.stores.runs.table import ItemTable, addition, expect_failed_condition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        PutItemInputTypeDef,
        TransactWriteItemTypeDef,
        UpdateItemInputTypeDef,
    )

_SERVICE = "DynamoDB"
#: Kinds of failure that one update adds: its expression may have 4 KB.
#: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
_MOST_KINDS = 40

#: Uploads that one transaction folds: it may have 100 actions.
#: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
_MOST_FOLDED = 99


class DynamoRuns:
    """The runs table, over DynamoDB's own client (which threads may share).

    Args:
        client: Of DynamoDB.
        table_name: Its key is ``id``.
    """

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table = ItemTable(client, table_name)

    @unavailable(_SERVICE)
    def current(self) -> RunRecord | None:
        """Read the latest run's record consistently; None before the first run."""
        item = self._table.get(CURRENT)
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
            "TableName": self._table.name,
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
            expect_failed_condition(error)
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
        values = {name: plain_value(value) for name, value in changes.items()} | {"run_id": run_id}
        condition = "#run_id = :run_id AND #status = :open"
        return (
            self._table.change(CURRENT, values, condition, run_id=run_id, open="open") is not None
        )

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
        values = {name: plain_value(value) for name, value in changes.items()} | {
            "run_id": run.run_id
        }
        condition = "#run_id = :run_id AND #status = :found"
        found = self._table.change(CURRENT, values, condition, run_id=run.run_id, found=run.status)
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
            names |= {f"#count{n}": COUNT_OF + fingerprint, f"#kind{n}": KIND_OF + fingerprint}
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
                TableName=self._table.name,
                Key={"id": to_attribute(f"{FAILURES}{run_id}")},
                UpdateExpression=f"SET {sets} ADD {adds}",
                ConditionExpression="attribute_not_exists(#total) OR #total < :most",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=to_attributes(values),
            )
        except ClientError as error:
            expect_failed_condition(error)

    @unavailable(_SERVICE)
    def first_failures(self, run_id: str) -> dict[str, Kind]:
        """Return the first failures that a run recorded, by fingerprint.

        Raises:
            MalformedItem: They have an unexpected form.
        """
        values = from_attributes(self._table.get(f"{FAILURES}{run_id}"))
        counts = {
            name.removeprefix(COUNT_OF): count
            for name, count in values.items()
            if name.startswith(COUNT_OF)
        }
        try:
            return {
                fingerprint: Kind(count=count, **values[KIND_OF + fingerprint])
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
        changes = {"indexer_pace": plain_value(pace)}
        return self._table.change(CURRENT, changes, condition, **values) is not None

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
        values |= {key: plain_value(changes[name]) for key, name in others.items()}
        values |= {"zero": 0, "run_id": run_id, "open": "open"}
        request: UpdateItemInputTypeDef = {
            "TableName": self._table.name,
            "Key": {"id": to_attribute(CURRENT)},
            "UpdateExpression": f"SET {', '.join(sets)}",
            "ConditionExpression": "run_id = :run_id AND #status = :open",
            "ExpressionAttributeNames": {f"#{k}": name for k, name in names.items()},
            "ExpressionAttributeValues": to_attributes({f":{k}": v for k, v in values.items()}),
        }
        try:
            self._client.update_item(**request)
        except ClientError as error:
            expect_failed_condition(error)
            return False
        return True

    @unavailable(_SERVICE)
    def record_upload(self, upload: str, brought: Ledger, *, done: bool) -> None:
        """Set the total of ids that one upload has added so far.

        A repeated call changes nothing, nor does a late call with a smaller total.
        """
        self._table.change(
            f"{LEDGER}{upload}",
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
            found = dict(map(upload_record, self._table.items(LEDGER)))
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
                        {"Update": addition(self._table.name, LEDGER, additions, {"done": True})},
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
                "TableName": self._table.name,
                "Key": {"id": to_attribute(f"{LEDGER}{upload}")},
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
        return sorted(
            map(forgetting_record, self._table.items(FORGOTTEN)), key=lambda found: found.at
        )

    def _folds(self) -> int:
        folds = from_attributes(self._table.get(LEDGER)).get("folds", 0)
        return folds if type(folds) is int else 0
