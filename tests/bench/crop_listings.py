"""How many LISTs an image's crops take, and what they cost our processor.

    python -m tests.bench.crop_listings [--call N] [--json FILE]

A tenth of a library's images have crops, eight objects each. The whole library is projected, of
which the first images are measured, and then a thousand images at random out of a million: in
order of their ids, in calls as batch-index makes them; and a whole library once more, as a scan of
the table lists it, before and after the work list is put in order. S3 answers at once on the wire.
The crops' own metadata (a HEAD for each object) are not counted here.
"""

from __future__ import annotations

import gc
import hashlib
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from botocore.awsrequest import AWSPreparedRequest

from reindex.batches import in_batches
from reindex.composition.run import RunSteps
from reindex.domain.chunks import MAX_ROWS, chunks_of
from reindex.domain.progress import ProgressRow
from reindex.reports.footprint import PROJECTION_BATCH
from reindex.stores.folders import keys_by_image
from reindex.stores.originals import CROPS_AT_ONCE, CropsBucket
from reindex.stores.sources import source_config, source_session
from tests.bench.projection import Row
from tests.bench.results import Result, parser_of, report, spent
from tests.bench.wire import Answer, access, answer_at_once, is_merging, list_objects
from tests.twins.ports import MemoryPorts
from tests.twins.work_list import MemoryWorkList

#: LISTs per image, at most.
WHOLE_BUDGET = 0.02
RANDOM_BUDGET = 1.0

#: Of a library, and those of them that are measured.
MILLION = 1_000_000
MEASURED = 10_000
AT_RANDOM = 1_000

#: Rows of the work list that is put in order.
SORTED = 100_000

#: One image in so many has crops, of so many objects.
ONE_IN = 10
OBJECTS = 8


@dataclass(frozen=True, slots=True)
class Listed:
    """What it took to list the crops of some images.

    Attributes:
        lists: Requests per image.
        in_a_row: Pages that were awaited one after the other, in the call that had most.
        processor: Seconds per image.
    """

    lists: float
    in_a_row: int
    processor: float


def library(count: int) -> list[str]:
    """The ids of a library, in order: hashes, as a library's are."""
    return sorted(
        hashlib.sha1(str(n).encode(), usedforsecurity=False).hexdigest() for n in range(count)
    )


def crop_keys(ids: Sequence[str]) -> list[str]:
    """The keys of all crops of a library, in order."""
    return [f"{i}/0_0_99_99/{n}.jpg" for i in ids[::ONE_IN] for n in range(OBJECTS)]


def listed(ids: Sequence[str], keys: Sequence[str], call: int) -> Listed:
    """List the crops of images, in calls of so many."""
    requests: Counter[str] = Counter()
    # What answering takes is not ours: each answer is made in the thread that asked.
    answering: list[float] = []
    s3 = source_session().client("s3", **access(source_config(CROPS_AT_ONCE)))

    def answer(request: AWSPreparedRequest) -> Answer:
        started = time.thread_time()
        requests["in a row" if is_merging(request) else "alone"] += 1
        page = list_objects(request, keys)
        answering.append(time.thread_time() - started)
        return page

    answer_at_once(s3, "ListObjectsV2", answer)
    bucket = CropsBucket(s3, "crops")
    in_a_row: list[int] = []

    def work() -> None:
        with ThreadPoolExecutor(CROPS_AT_ONCE) as pool:
            for batch in in_batches(ids, call):
                before = requests["in a row"]
                found = keys_by_image(batch, bucket, pool.map)
                assert found.keys() == {*batch}
                in_a_row.append(requests["in a row"] - before)

    processor = spent(work).processor - sum(answering)
    return Listed(requests.total() / len(ids), max(in_a_row), processor / len(ids))


def measure(call: int) -> Result:
    """List the crops of both selections."""
    ids = library(MILLION)
    keys = crop_keys(ids)
    # Or else the collector walks through millions of keys with every few pages that are parsed.
    gc.freeze()
    at_random = sorted(random.Random(0).sample(ids, AT_RANDOM))
    rows = [Row("images of a call", str(call))]
    figures: dict[str, float] = {}
    for name, chosen, budget in (
        ("whole library", ids[:MEASURED], WHOLE_BUDGET),
        (f"{AT_RANDOM:,} at random of {MILLION:,}", at_random, RANDOM_BUDGET),
    ):
        one = listed(chosen, keys, call)
        figures[f"lists per image, {name}"] = one.lists
        figures[f"processor seconds per image, {name}"] = one.processor
        rows += [
            Row(
                f"LISTs per image, {name}", f"{one.lists:.3f}", f"<= {budget}", one.lists <= budget
            ),
            Row(f"LISTs in a row, at most in a call, {name}", str(one.in_a_row)),
            Row(f"processor per image, {name}", f"{one.processor * 1e3:.2f} ms"),
        ]
    as_listed = listed(scanned(ids)[:MEASURED], keys, call).lists
    rows.append(Row("LISTs per image, after a scan, as it lists them", f"{as_listed:.3f}"))
    # A smaller library is as dense: what is listed lies as close together.
    some = ids[:: MILLION // SORTED]
    ordered = listed(put_in_order(scanned(some))[:MEASURED], crop_keys(some), call).lists
    name = "after a scan, put in order"
    figures[f"lists per image, {name}"] = ordered
    rows.append(
        Row(
            f"LISTs per image, {name}",
            f"{ordered:.3f}",
            f"<= {WHOLE_BUDGET}",
            ordered <= WHOLE_BUDGET,
        )
    )
    return Result(rows, figures)


def scanned(ids: Sequence[str]) -> list[str]:
    """Ids in no order, as a scan of the table meets them."""
    shuffled = [*ids]
    random.Random(1).shuffle(shuffled)
    return [i for part in in_batches(shuffled, MAX_ROWS) for i in sorted(part)]


def put_in_order(ids: Sequence[str]) -> list[str]:
    """The same from a work list that was put in order, chunk by chunk."""
    work_list = MemoryWorkList()
    for number, part in enumerate(in_batches(ids, MAX_ROWS)):
        rows = [ProgressRow.new(image_id, "upload", 0.0) for image_id in part]
        work_list.add(chunks_of(rows, f"scan-{number:06d}"))
    ordering = RunSteps(MemoryPorts(work_list=work_list)).ordering
    plan = ordering.plan("run", 0)
    assert plan["groups"], "a scan lists ids in no order"
    for group in plan["groups"]:
        ordering.cut("run", 0, group)
    for number in plan["ranges"]:
        ordering.sort("run", 0, number)
    ordering.replace("run", 0)
    # Workers take chunks in any order.
    chunks = list(work_list.listed.values())
    random.Random(2).shuffle(chunks)
    return [row.id for listed_ in chunks for row in listed_.chunk.rows]


def main() -> int:
    """Measure and print."""
    parser = parser_of("crop_listings", __doc__)
    parser.add_argument("--call", type=int, default=PROJECTION_BATCH, help="images of a call")
    arguments = parser.parse_args()
    return report(measure(arguments.call), arguments.json)


if __name__ == "__main__":
    sys.exit(main())
