"""Reads the whole progress table, its segments concurrently."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

from reindex.stores.interfaces.progress_table import ProgressTable, RowPage


def scan_all(table: ProgressTable, segments: int) -> Iterator[RowPage]:
    """Page through the whole table, consistently and in no order.

    At most one page per segment is in memory beside the one yielded.

    Args:
        table: The progress table.
        segments: Parts that are read at once.

    Raises:
        StoreUnavailable: The table does not answer.
    """
    with ThreadPoolExecutor(segments, thread_name_prefix="scan") as pool:
        calls = {
            pool.submit(table.scan, segment, segments, None): segment for segment in range(segments)
        }
        while calls:
            done, _ = wait(calls, return_when=FIRST_COMPLETED)
            for call in done:
                segment = calls.pop(call)
                page = call.result()
                if page.next is not None:
                    following = pool.submit(table.scan, segment, segments, page.next)
                    calls[following] = segment
                yield page
