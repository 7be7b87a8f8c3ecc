"""AWS services that answer at once, on the wire: what is left is what the SDK and we do.

A client's requests are made, signed and serialised as ever, and the answers parsed; only that
nothing is sent.
"""

from __future__ import annotations

import io
import json
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

from reindex.domain.projections import ProjectionAnswer
from reindex.stores.backlog import SqsBacklog
from reindex.stores.projector import LambdaProjector, projector_config
from tests.bench.servers import KEY, REGION
from tests.bench.workload import projected

if TYPE_CHECKING:
    from botocore.client import BaseClient

#: Keys of one page.
LIST_PAGE = 1_000

#: What a listing says of an object.
_LISTED = (
    "<Contents><Key>{key}</Key><LastModified>2024-03-01T10:00:00.000Z</LastModified>"
    "<ETag>&quot;0123456789abcdef0123456789abcdef&quot;</ETag>"
    "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
    "<Size>123456</Size><StorageClass>STANDARD</StorageClass></Contents>"
)

_QUEUE = "https://sqs.us-east-1.amazonaws.com/000000000000/low-priority"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answers to one request."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class _Body(io.BytesIO):
    """An answer's body, as urllib3 would give it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def access(config: Config) -> dict[str, Any]:
    """Return the arguments of a client that only this module answers."""
    return {
        "region_name": REGION,
        "aws_access_key_id": KEY,
        "aws_secret_access_key": KEY,
        "config": config,
    }


def answer_at_once(
    client: BaseClient, operation: str, answer: Callable[[AWSPreparedRequest], Answer]
) -> None:
    """Let an operation's requests be answered in their sending."""

    def respond(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        given = answer(request)
        headers = HTTPHeaders()
        for name, value in {"Content-Length": str(len(given.body)), **given.headers}.items():
            headers[name] = value
        return AWSResponse(request.url, given.status, headers, _Body(given.body))

    handler: Callable[..., Any] = respond
    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register_first(f"before-send.{service}.{operation}", handler)


def body_of(request: AWSPreparedRequest) -> bytes:
    """The bytes of a request that is not a stream."""
    body = request.body
    assert isinstance(body, str | bytes | bytearray)
    return body.encode() if isinstance(body, str) else bytes(body)


def is_merging(request: AWSPreparedRequest) -> bool:
    """Return True if a listing asks for whatever keys follow, and not for those of one folder."""
    return "prefix" not in parse_qs(urlsplit(request.url).query)


def accept_writes_after(client: BaseClient, seconds: float) -> None:
    """Let DynamoDB accept every write of a client, after so many seconds."""

    def statements(request: AWSPreparedRequest) -> str:
        count = body_of(request).count(b'"Statement"')
        return json.dumps({"Responses": [{}] * count})

    def accept(operation: str, made: Callable[[AWSPreparedRequest], str]) -> None:
        def answer(request: AWSPreparedRequest) -> Answer:
            time.sleep(seconds)
            return Answer(made(request).encode())

        answer_at_once(client, operation, answer)

    accept("BatchExecuteStatement", statements)
    accept("BatchWriteItem", lambda _: '{"UnprocessedItems": {}}')
    for operation in ("PutItem", "UpdateItem"):
        accept(operation, lambda _: '{"Attributes": {}}')


def list_objects(request: AWSPreparedRequest, keys: Sequence[str]) -> Answer:
    """A page of a bucket's listing, as S3 writes it.

    Args:
        request: ListObjectsV2.
        keys: All that the bucket holds, sorted.
    """
    asked = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
    prefix = asked.get("prefix", "")
    after = asked.get("continuation-token") or asked.get("start-after", "")
    start = max(bisect_right(keys, after), bisect_left(keys, prefix))
    following = keys[start : start + LIST_PAGE]
    page = [*takewhile(lambda key: key.startswith(prefix), following)]
    end = start + len(page)
    more = len(page) == LIST_PAGE and end < len(keys) and keys[end].startswith(prefix)
    token = f"<NextContinuationToken>{quote(page[-1])}</NextContinuationToken>" if more else ""
    contents = "".join(_LISTED.format(key=quote(key)) for key in page)
    head = f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>"
    return Answer(f"<ListBucketResult>{head}{token}{contents}</ListBucketResult>".encode())


def instant_backlog() -> SqsBacklog:
    """The low-priority queue: it accepts all, and is empty."""
    return backlog_after(0)


def backlog_after(seconds: float) -> SqsBacklog:
    """The same, that answers after so many seconds."""
    client = boto3.client("sqs", **access(Config(max_pool_connections=64)))
    empty = {f"ApproximateNumberOfMessages{kind}": "0" for kind in ("", "NotVisible", "Delayed")}
    depth = Answer(json.dumps({"Attributes": empty}).encode())

    def accepted(request: AWSPreparedRequest) -> Answer:
        time.sleep(seconds)
        return _accepted(request)

    answer_at_once(client, "GetQueueAttributes", lambda _: depth)
    answer_at_once(client, "SendMessageBatch", accepted)
    return SqsBacklog(client, _QUEUE)


def _accepted(request: AWSPreparedRequest) -> Answer:
    # The entries are numbered; to read ten documents here would be counted as our own work.
    sent = [
        {"Id": str(number), "MessageId": str(number), "MD5OfMessageBody": "0" * 32}
        for number in range(body_of(request).count(b'"MessageBody"'))
    ]
    return Answer(json.dumps({"Successful": sent, "Failed": []}).encode())


def instant_projector(images: Sequence[str], concurrency: int) -> LambdaProjector:
    """The projection, with every document ready.

    Args:
        images: The ids it may be asked for.
        concurrency: Calls in flight at once.
    """
    return projector_after(images, concurrency, lambda _: 0)


def projector_after(
    images: Sequence[str], concurrency: int, seconds: Callable[[int], float]
) -> LambdaProjector:
    """The same, that takes its time.

    Args:
        images: The ids it may be asked for.
        concurrency: Calls in flight at once.
        seconds: How long a call of so many images takes.
    """

    def event(*ids: str) -> dict[str, Any]:
        return ProjectionAnswer([projected(image_id) for image_id in ids]).to_event()

    head, tail = json.dumps(event()).encode().split(b"[]", 1)
    ready = {image_id: json.dumps(event(image_id)["images"][0]).encode() for image_id in images}

    def answer(request: AWSPreparedRequest) -> Answer:
        ids = json.loads(body_of(request))["ids"]
        time.sleep(seconds(len(ids)))
        found = b", ".join(ready[image_id] for image_id in ids)
        return Answer(b"%b[%b]%b" % (head, found, tail))

    client = boto3.client("lambda", **access(projector_config(concurrency)))
    answer_at_once(client, "Invoke", answer)
    return LambdaProjector(client, "image-projection")
