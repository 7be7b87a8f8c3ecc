"""What projecting one image asks of S3 and DynamoDB, and what it costs our processor.

    python -m tests.bench.projecting [--images N] [--rounds N] [--json FILE]

The image-projection function's own step over the sample library, in calls as batch-index makes
them, while S3 and DynamoDB answer at once on the wire. Processor time is that of the SDK, of
reading the originals' metadata, and of building the documents.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from urllib.parse import quote, urlsplit

from boto3.dynamodb.types import TypeSerializer
from botocore.awsrequest import AWSPreparedRequest

from reindex.batches import in_batches
from reindex.reports.footprint import PROJECTION_BATCH
from reindex.steps.ambient import SystemClock
from reindex.steps.project import Projection
from reindex.stores.library import AwsLibrary
from reindex.stores.sources import source_config, source_session
from reindex.wiring.clients import CONNECTIONS
from tests.bench.projection import Row
from tests.bench.results import (
    Result,
    median_processor,
    parser_of,
    report,
    spent,
)
from tests.bench.wire import Answer, access, answer_at_once, body_of, list_objects
from tests.bench.workload import RUN_ID
from tests.local.fill import original_key
from tests.local.sample_library import VERIFIED, SampleImage, SampleLibrary
from tests.twins.run_files import MemoryRunFiles
from tests.unit.library_settings import EVERYTHING
from tests.unit.steps.world import CountingMeter

#: Seconds of processor time per image, at most.
BUDGET = 0.006

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")
_LAST_MODIFIED = "Fri, 01 Mar 2024 10:00:00 GMT"
_Item = Mapping[str, Mapping[str, object]]
_serialized = TypeSerializer().serialize


class WireLibrary:
    """S3 and DynamoDB, holding a library and answering at once.

    Attributes:
        calls: How often each operation was called; ``keys`` are BatchGetItem's, ``values`` those
            of statements.
    """

    def __init__(self, images: Sequence[SampleImage]) -> None:
        self.calls: Counter[str] = Counter()
        self._objects: dict[str, tuple[bytes, Mapping[str, str]]] = {}
        for image in images:
            key = original_key(image.id)
            assert image.original is not None
            self._objects[f"originals/{key}"] = image.original, image.object_metadata
            if image.thumbnail is not None:
                self._objects[f"thumbnails/{key}"] = image.thumbnail, {}
            for crop in image.crops:
                found = crop.body, crop.object_metadata
                self._objects[f"crops/{image.id}/{crop.name}"] = found
        self._crop_keys = sorted(f"{i.id}/{crop.name}" for i in images for crop in i.crops)
        self._rows: dict[tuple[str, str], list[_Item]] = {
            (table, image.id): [
                {name: _serialized(value) for name, value in row.items()} for row in rows
            ]
            for image in images
            for table, rows in image.rows.items()
        }

    def library(self) -> AwsLibrary:
        """The store over it."""
        session, config = source_session(), source_config(CONNECTIONS)
        s3 = session.client("s3", **access(config))
        dynamodb = session.client("dynamodb", **access(config))
        operations: dict[str, Callable[[AWSPreparedRequest], Answer]] = {
            "GetObject": self._get_object,
            "HeadObject": self._head_object,
            "ListObjectsV2": self._list_objects,
        }
        for operation, answer in operations.items():
            answer_at_once(s3, operation, self._counted(operation, answer))
        select = self._counted("ExecuteStatement", self._select)
        answer_at_once(dynamodb, "ExecuteStatement", select)
        answer_at_once(dynamodb, "BatchGetItem", self._counted("BatchGetItem", self._batch_get))
        return AwsLibrary(s3, dynamodb, EVERYTHING)

    def _counted(
        self, operation: str, answer: Callable[[AWSPreparedRequest], Answer]
    ) -> Callable[[AWSPreparedRequest], Answer]:
        def counted(request: AWSPreparedRequest) -> Answer:
            self.calls[operation] += 1
            return answer(request)

        return counted

    def _get_object(self, request: AWSPreparedRequest) -> Answer:
        found = self._objects.get(_object_name(request))
        if found is None:
            return Answer(b"<Error><Code>NoSuchKey</Code></Error>", 404)
        body, metadata = found
        asked = _RANGE.search(str(request.headers["Range"]))
        assert asked
        start, end = int(asked[1]), min(int(asked[2]) + 1, len(body))
        part = {"Content-Range": f"bytes {start}-{end - 1}/{len(body)}"}
        return Answer(body[start:end], 206, _headers(metadata) | part)

    def _head_object(self, request: AWSPreparedRequest) -> Answer:
        body, metadata = self._objects[_object_name(request)]
        return Answer(b"", 200, _headers(metadata) | {"Content-Length": str(len(body))})

    def _list_objects(self, request: AWSPreparedRequest) -> Answer:
        return list_objects(request, self._crop_keys)

    def _select(self, request: AWSPreparedRequest) -> Answer:
        asked = json.loads(body_of(request))
        table = asked["Statement"].split('"')[1]
        ids = [value["S"] for value in asked["Parameters"]]
        self.calls["values"] += len(ids)
        items = [*chain.from_iterable(self._rows.get((table, i), []) for i in ids)]
        return Answer(json.dumps({"Items": items}).encode())

    def _batch_get(self, request: AWSPreparedRequest) -> Answer:
        responses = {}
        for table, asked in json.loads(body_of(request))["RequestItems"].items():
            ids = [key["id"]["S"] for key in asked["Keys"]]
            self.calls["keys"] += len(ids)
            responses[table] = [*chain.from_iterable(self._rows.get((table, i), []) for i in ids)]
        return Answer(json.dumps({"Responses": responses, "UnprocessedKeys": {}}).encode())


def _object_name(request: AWSPreparedRequest) -> str:
    """Bucket and key, as one path."""
    url = urlsplit(request.url)
    bucket = url.netloc.partition(".")[0]
    return f"{bucket}{url.path}"


def _headers(metadata: Mapping[str, str]) -> dict[str, str]:
    encoded = {f"x-amz-meta-{name}": quote(value, safe="") for name, value in metadata.items()}
    return {"ETag": '"1"', "Last-Modified": _LAST_MODIFIED, **encoded}


def measure(count: int, rounds: int) -> Result:
    """Project so many sound images, so many times."""
    sound = [image for image in SampleLibrary.generate(count).images if image.ending == VERIFIED]
    images = sound[:count]
    wire = WireLibrary(images)
    projection = Projection(
        wire.library(), MemoryRunFiles(), "bench", "TEST", SystemClock(), CountingMeter()
    )
    batches = list(in_batches([image.id for image in images], PROJECTION_BATCH))
    sizes: list[int] = []

    def work() -> None:
        for batch in batches:
            answer = projection.project(batch, RUN_ID)
            assert not answer.failures, answer.failures
            sizes.extend(len(image.image.encode()) for image in answer.images)

    taken = [spent(work) for _ in range(rounds + 1)][1:]
    per_image = {name: calls / (rounds + 1) / len(images) for name, calls in wire.calls.items()}
    processor = median_processor(taken) / len(images)
    figures = {f"{name} per image": number for name, number in per_image.items()}
    figures["processor seconds per image"] = processor
    figures["bytes per document"] = sum(sizes) / len(sizes)
    rows = [
        Row("images of the sample library", str(len(images))),
        Row(
            "processor per image",
            f"{processor * 1e3:.1f} ms",
            f"<= {BUDGET * 1e3:.0f} ms",
            processor <= BUDGET,
        ),
        Row("document, mean", f"{figures['bytes per document']:,.0f} bytes"),
        *(Row(f"{name} per image", f"{number:.2f}") for name, number in per_image.items()),
    ]
    return Result(rows, figures)


def main() -> int:
    """Measure and print."""
    parser = parser_of("projecting", __doc__)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    return report(measure(arguments.images, arguments.rounds), arguments.json)


if __name__ == "__main__":
    sys.exit(main())
