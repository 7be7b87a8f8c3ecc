"""The incoming webhook of a chat on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from tests.local import loopback

PATH: Final = "/services/T000/B000/a-secret"


@dataclass
class Chat:
    """A chat.

    Attributes:
        url: Of the webhook.
        posted: The JSON of each request that it took, in order.
        refusals: The statuses with which it answers the next requests.
        requests: How many it got.
    """

    url: str
    posted: list[Any] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    requests: int = 0


@contextmanager
def chat() -> Iterator[Chat]:
    """Run a chat for the time of a `with` block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            running.requests += 1
            status = running.refusals.pop(0) if running.refusals else 200
            if self.path != PATH or self.headers["Content-Type"] != "application/json":
                status = 400
            if status == 200:
                running.posted.append(json.loads(body))
            self.send_response(status)
            if status in range(300, 400):
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer((loopback.ADDRESS, 0), Handler) as server:
        server.daemon_threads = True
        running = Chat(f"{loopback.url(server.server_address[1])}{PATH}")
        serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        serving.start()
        try:
            yield running
        finally:
            server.shutdown()
            serving.join()
