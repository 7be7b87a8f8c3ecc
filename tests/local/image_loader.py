"""A library's own image loader on this machine: an HTTP service, with faults to order.

It answers ``GET /images/project/ID`` with the document of an image, over HTTP/1.1 with connections
that are kept open, as such services do.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import unquote

from tests.local import loopback

HEADER: Final = "X-Gu-Media-Key"
KEY: Final = "a key of the library"
PATH: Final = "/images/project/"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer.

    Attributes:
        status: Of HTTP.
        body: Text, or bytes.
        headers: Beside those that say how long it is.
        seconds: How long to wait before it.
        sent: Bytes of the body that are sent before the connection is closed; None for all.
        drip_seconds: Pause between the bytes of the body.
    """

    status: int = 200
    body: str | bytes = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0
    sent: int | None = None
    drip_seconds: float = 0


class ImageLoader:
    """What the service knows, what it was asked, and what is to go wrong.

    Args:
        document: Gives an image's document, or what to answer instead; None when there is no such
            image.

    Attributes:
        key: Requests with another get 401; None for any.
        faults: What the next requests for an image get, by its id, before it is looked up.
        always: What every request for an image gets, before it is looked up.
        asked: Ids, in the order in which they were asked for.
        connections: How many were opened.
        most_at_once: Requests that were in work at the same time.
    """

    def __init__(self, document: Callable[[str], Mapping[str, Any] | Reply | None]) -> None:
        self.document = document
        self.key: str | None = KEY
        self.faults: dict[str, list[Reply]] = {}
        self.always: dict[str, Reply] = {}
        self.asked: list[str] = []
        self.paths: list[str] = []
        self.connections = 0
        self.most_at_once = 0
        self.statuses: Counter[int] = Counter()
        self.port = 0
        self._at_once = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """As a stage names it."""
        return f"{loopback.url(self.port)}{PATH}{{id}}"

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a request that is in work."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1

    def reply(self, path: str, key: str | None) -> Reply:
        """Return the answer to a request."""
        if not path.startswith(PATH):
            return Reply(404, "<html>no such page</html>", {"Content-Type": "text/html"})
        if self.key is not None and key != self.key:
            return Reply(401, '{"errorMessage": "unknown key"}')
        image_id = unquote(path.removeprefix(PATH))
        with self._lock:
            self.asked.append(image_id)
            self.paths.append(path)
            fault = self.faults[image_id].pop(0) if self.faults.get(image_id) else None
        found = fault or self.always.get(image_id) or self.document(image_id)
        if isinstance(found, Reply):
            return found
        if found is None:
            return Reply(404, '{"errorMessage": "no such image"}')
        return Reply(200, json.dumps(found))


@contextmanager
def image_loader(
    document: Callable[[str], Mapping[str, Any] | Reply | None],
) -> Iterator[ImageLoader]:
    """Run the service for the time of a `with` block."""
    loader = ImageLoader(document)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else the head waits for the acknowledgement of what was sent before.
        disable_nagle_algorithm = True

        def setup(self) -> None:
            loader.connections += 1
            super().setup()

        def do_GET(self) -> None:
            with loader.counted():
                self._answer(loader.reply(self.path, self.headers.get(HEADER)))

        def _answer(self, reply: Reply) -> None:
            time.sleep(reply.seconds)
            loader.statuses[reply.status] += 1
            body = reply.body.encode() if isinstance(reply.body, str) else reply.body
            head = {"Content-Type": "application/json", **reply.headers}
            try:
                self.send_response(reply.status)
                for name, value in head.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if reply.drip_seconds:
                    for byte in body:
                        self.wfile.write(bytes([byte]))
                        time.sleep(reply.drip_seconds)
                else:
                    self.wfile.write(body[: reply.sent])
            except OSError:
                # The client has closed the connection.
                self.close_connection = True
            if reply.sent is not None:
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer((loopback.ADDRESS, 0), Handler) as server:
        server.daemon_threads = True
        # At the end of the block no client waits for a slow answer.
        server.block_on_close = False
        loader.port = server.server_address[1]
        serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        serving.start()
        try:
            yield loader
        finally:
            server.shutdown()
            serving.join()
