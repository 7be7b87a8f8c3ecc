"""Removes images from the progress table, in transactions that also record it in the ledger.

A transaction deletes some rows, and adds their number to the ledger's items of their uploads and of
the operation. All of it happens or nothing, so the ledger balances at every moment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from reindex.domain.digest import sum_of_ids
from reindex.domain.failures import StoreUnavailable
from reindex.domain.ledger import FOLDED, Forgetting, Ledger
from reindex.domain.progress import ProgressRow
from reindex.stores.attributes import Plain, to_attribute, to_attributes
from reindex.stores.aws import backoff, error_code, unavailable
from reindex.stores.interfaces.runs import Runs
from reindex.stores.runs.items import FORGOTTEN, ledger_item
from reindex.stores.runs.table import addition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef, UpdateTypeDef

#: Actions of one transaction.
#: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
_MOST_ACTIONS = 100

#: Seconds for which a transaction that conflicts with another is retried.
_PATIENCE_SECONDS = 20.0

_SERVICE = "DynamoDB"


class DynamoForgetter:
    """The progress table and the ledger, as transactions change both.

    Args:
        client: Of DynamoDB.
        progress_table: The progress table.
        runs_table: The table that holds the ledger.
        runs: The ledger, to look up which uploads were folded.
    """

    def __init__(
        self, client: DynamoDBClient, progress_table: str, runs_table: str, runs: Runs
    ) -> None:
        self._client = client
        self._progress = progress_table
        self._ledger = runs_table
        self._runs = runs

    def forget(self, rows: Sequence[ProgressRow], operation: Forgetting) -> set[str]:
        """Delete finished rows, each on condition that its ``state`` and ``rev`` are as read.

        The ledger's items of the row's upload and of the operation change in the same transaction.

        Args:
            rows: As they were read.
            operation: Its ``images`` are not used: the deleted rows are counted.

        Returns:
            The ids of the deleted rows. The others were changed by another process, or no upload
            in the ledger brought them.

        Raises:
            ValueError: A row has work left.
            StoreUnavailable: DynamoDB does not answer; the ledger has what was deleted so far.
        """
        if in_work := [row.id for row in rows if row.state.phase]:
            raise ValueError(f"in work: {', '.join(in_work)}")
        left: set[str] = set()
        uploads = self._runs.uploads().keys()
        # A row that no upload brought is kept: its removal could not be recorded in the ledger.
        known = [row for row in rows if row.upload in uploads or FOLDED in uploads]
        for batch in _transactions(sorted(known, key=lambda row: row.upload)):
            left |= self._forget(batch, operation, uploads)
        return left

    def _forget(
        self, rows: Sequence[ProgressRow], operation: Forgetting, uploads: Collection[str]
    ) -> set[str]:
        """Delete rows in one transaction, except those that another process changed."""
        waiting = list(rows)
        for _ in backoff(_PATIENCE_SECONDS):
            if not waiting:
                return set()
            by_upload = _by_upload(waiting, uploads)
            with unavailable(_SERVICE):
                try:
                    self._client.transact_write_items(
                        TransactItems=[
                            *(self._deletion(row) for row in waiting),
                            *self._entries(by_upload),
                            {"Update": self._operation(waiting, operation)},
                        ]
                    )
                except ClientError as error:
                    if error_code(error) != "TransactionCanceledException":
                        raise
                    reasons = _reasons(error)
                else:
                    return {row.id for row in waiting}
            failed = "ConditionalCheckFailed"
            moved = {row.id for row, why in zip(waiting, reasons, strict=False) if why == failed}
            if failed in reasons[len(waiting) :]:
                # An upload was folded since the ledger was read.
                uploads = self._runs.uploads().keys()
            waiting = [row for row in waiting if row.id not in moved]
        raise StoreUnavailable(f"{_SERVICE}: transactions go on meeting others")

    def _deletion(self, row: ProgressRow) -> TransactWriteItemTypeDef:
        return {
            "Delete": {
                "TableName": self._progress,
                "Key": {"id": to_attribute(row.id)},
                "ConditionExpression": "#state = :state AND #rev = :rev",
                "ExpressionAttributeNames": {"#state": "state", "#rev": "rev"},
                "ExpressionAttributeValues": to_attributes(
                    {":state": row.state.value, ":rev": row.rev}
                ),
            }
        }

    def _entries(self, by_upload: Mapping[str, Ledger]) -> Iterator[TransactWriteItemTypeDef]:
        for upload, forgotten in by_upload.items():
            more = {
                "forgotten_count": forgotten.count,
                "forgotten_sum": forgotten.id_sum,
            }
            entry = addition(self._ledger, ledger_item(upload), more, {})
            yield {"Update": {**entry, "ConditionExpression": "attribute_exists(id)"}}

    def _operation(self, rows: Sequence[ProgressRow], operation: Forgetting) -> UpdateTypeDef:
        ids = [row.id for row in rows]
        fixed: dict[str, Plain] = {"at": operation.at, "by": operation.by, "what": operation.what}
        more = {"count": len(ids), "id_sum": sum_of_ids(ids)}
        return addition(self._ledger, f"{FORGOTTEN}{operation.name}", more, fixed)


def _by_upload(rows: Sequence[ProgressRow], uploads: Collection[str]) -> dict[str, Ledger]:
    """Return what is forgotten of each upload; of folded uploads, under ``FOLDED``."""
    found: dict[str, Ledger] = {}
    for row in rows:
        name = row.upload if row.upload in uploads else FOLDED
        found[name] = found.get(name, Ledger()) + Ledger(1, sum_of_ids([row.id]))
    return found


def _transactions(rows: Sequence[ProgressRow]) -> Iterator[Sequence[ProgressRow]]:
    """Yield batches of rows that fit a transaction, with one action per upload and one more."""
    batch: list[ProgressRow] = []
    uploads: set[str] = set()
    for row in rows:
        if len(batch) + 1 + len(uploads | {row.upload}) + 1 > _MOST_ACTIONS:
            yield batch
            batch, uploads = [], set()
        batch.append(row)
        uploads.add(row.upload)
    if batch:
        yield batch


def _reasons(error: ClientError) -> list[str]:
    reasons: Sequence[Mapping[str, Any]] = error.response.get("CancellationReasons", [])
    return [str(reason.get("Code")) for reason in reasons]
