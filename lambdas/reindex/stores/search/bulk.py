"""The body of a bulk request, and the meaning of its answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reindex.domain.messages import document_text
from reindex.stores.interfaces.index import IndexWrite, Verdict, WriteResult
from reindex.stores.search.cluster import UNUSABLE, reason, unusable

_SERVER_ERROR = 500


def operation(write: IndexWrite) -> bytes:
    """Return one write as two lines of JSON for a bulk body."""
    action: dict[str, Any] = {"create": {"_id": write.id}}
    if write.guard:
        action = {
            "index": {
                "_id": write.id,
                "if_seq_no": write.guard.seq_no,
                "if_primary_term": write.guard.primary_term,
            }
        }
    document = write.document
    line = document if isinstance(document, str) else document_text(document)
    return b"%b\n%b\n" % (document_text(action).encode(), line.encode())


def batches(operations: Iterable[bytes], limit: int) -> Iterator[list[bytes]]:
    """Yield batches of at most ``limit`` bytes, or of one operation that is larger."""
    batch: list[bytes] = []
    size = 0
    for operation in operations:
        if batch and size + len(operation) > limit:
            yield batch
            batch, size = [], 0
        batch.append(operation)
        size += len(operation)
    if batch:
        yield batch


def verdict(item: Mapping[str, Any]) -> WriteResult:
    """Return the result of one item of a bulk's answer."""
    status = item["status"]
    if status < 300:  # noqa: PLR2004 - 200 replaced, 201 created
        return WriteResult(Verdict.WRITTEN)
    error = item["error"]
    why = reason(error)
    match status:
        case 409:
            return WriteResult(Verdict.CONFLICT, why)
        case _ if error["type"] in UNUSABLE:
            raise failure(error)
        # Neither a write block nor a lost permission is the document's fault, as with an overload.
        case 401 | 403:
            return WriteResult(Verdict.UNAVAILABLE, why)
        case 429:
            return WriteResult(Verdict.NOT_TAKEN, why)
        case _ if status >= _SERVER_ERROR:
            return WriteResult(Verdict.NOT_TAKEN, why)
        case _:
            return WriteResult(Verdict.REFUSED, why)


def failure(error: Mapping[str, Any]) -> Exception:
    """Return the failure for an error within a successful answer."""
    return unusable(error["type"], reason(error))
