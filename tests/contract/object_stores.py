"""Stores of objects behind a line that tests can cut, as the command meets them over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import boto3
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client

from scripts import image_sources
from scripts.addresses import Address
from scripts.object_stores import ObjectStore
from tests.local import loopback

#: Requests that list keys, or ask for a bucket: no reading of an object.
_LISTS: Final = ("list-type=", "/storage/v1/")


@dataclass
class Line:
    """What goes from the command to a store, and what is to go wrong there.

    Attributes:
        url: Where the command finds the store.
        reads: Ranges that were asked for, of whatever object; none for a HEAD.
        cut: How many of the next answers about objects break off in the middle.
        status: What all requests are answered with instead, if anything.
    """

    url: str
    reads: list[str | None] = field(default_factory=list)
    cut: int = 0
    status: int | None = None


@contextmanager
def line_to(server: str) -> Iterator[Line]:
    """Run a proxy before a server for the time of a ``with`` block."""
    line = Line("")
    upstream = urlsplit(server).netloc

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if line.status:
                self.send_response(line.status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            connection = HTTPConnection(upstream, timeout=10)
            connection.request(self.command, self.path, headers=dict(self.headers))
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                    self.send_header(name, value)
            length = answer.headers["Content-Length"] if self.command == "HEAD" else len(body)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            if not any(mark in self.path for mark in _LISTS):
                line.reads.append(self.headers["Range"])
                if line.cut and body:
                    line.cut -= 1
                    body = body[: len(body) // 2]
                    self.close_connection = True
            self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: object) -> None:
            pass

    proxy = ThreadingHTTPServer((loopback.ADDRESS, 0), Proxy)
    proxy.daemon_threads = True
    line.url = loopback.url(proxy.server_port)
    serving = Thread(target=proxy.serve_forever, daemon=True)
    serving.start()
    try:
        yield line
    finally:
        proxy.shutdown()
        proxy.server_close()
        serving.join()


class Bucket(Protocol):
    """A new bucket of a store, and the command's own way to that store.

    Attributes:
        address: Of the bucket.
        store: As the command connects it.
        line: What lies between the two.
    """

    address: Address
    store: ObjectStore
    line: Line

    def put(
        self,
        key: str,
        data: bytes,
        metadata: Mapping[str, str] | None = None,
        *,
        packed: bool = False,
    ) -> None:
        """Write an object, past the line; ``packed`` says that its bytes are gzip's."""

    def delete(self, key: str) -> None:
        """Delete an object, past the line."""


class S3Bucket(Bucket):
    def __init__(self, server: str, line: Line) -> None:
        self.address = Address("s3", f"originals-{uuid.uuid4().hex[:8]}", "")
        self.line = line
        self._client: Any = boto3.client("s3", endpoint_url=server)
        self._client.create_bucket(Bucket=self.address.bucket)
        self.store = image_sources.object_store("s3")

    def put(
        self,
        key: str,
        data: bytes,
        metadata: Mapping[str, str] | None = None,
        *,
        packed: bool = False,
    ) -> None:
        encoding = {"ContentEncoding": "gzip"} if packed else {}
        self._client.put_object(
            Bucket=self.address.bucket, Key=key, Body=data, Metadata=metadata or {}, **encoding
        )

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket=self.address.bucket, Key=key)


class GoogleBucket(Bucket):
    def __init__(self, server: str, line: Line) -> None:
        self.address = Address("gs", f"originals-{uuid.uuid4().hex[:8]}", "")
        self.line = line
        client = Client(
            project="test",
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": server},
        )
        self._bucket = client.create_bucket(self.address.bucket)
        self.store = image_sources.object_store("gs")

    def put(
        self,
        key: str,
        data: bytes,
        metadata: Mapping[str, str] | None = None,
        *,
        packed: bool = False,
    ) -> None:
        blob = self._bucket.blob(key)
        blob.metadata = metadata
        if packed:
            blob.content_encoding = "gzip"
        blob.upload_from_string(data, content_type="application/octet-stream")

    def delete(self, key: str) -> None:
        self._bucket.blob(key).delete()


def put_all(bucket: Bucket, keys: Iterable[str]) -> None:
    """Write an object of one byte under each key."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: bucket.put(key, b"."), keys))
