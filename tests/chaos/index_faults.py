"""A proxy before the index server that refuses, drops, delays, lies and is away for a while.

The index as a reindex meets it on a bad day. Only callers that use the proxy's URL meet it; a
live writer that must never fail goes to the server itself.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

from tests.local import loopback

#: Seconds an answer of the server behind may take.
_PATIENCE: Final = 30

#: What belongs to one connection and is not passed on.
_HOP_BY_HOP: Final = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})

_HEADERS: Final = (
    ("Content-Type", "application/json"),
    ("X-Elastic-Product", "Elasticsearch"),
)

_BAD_REQUEST: Final = 400

#: How a server that has too much to do answers.
_BUSY: Final = (429, 503)

_ERRORS: Final = {
    _BAD_REQUEST: "document_parsing_exception",
    429: "es_rejected_execution_exception",
    503: "unavailable_shards_exception",
}


class Fate(StrEnum):
    """What becomes of a request."""

    FORWARDED = "forwarded"
    DELAYED = "delayed"
    REFUSED = "refused"
    ITEMS_REFUSED = "items refused"
    ITEMS_FORGOTTEN = "items forgotten"
    CLOSED = "index closed"
    LOST = "request lost"
    ANSWER_LOST = "answer lost"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Odds:
    """How likely each accident is.

    Attributes:
        refused: A request is answered 429 or 503.
        lost: Its connection ends before the server hears of it.
        answer_lost: Its connection ends after the server did what it asked.
        delayed: It is held for up to ``delay_seconds``.
        item: One item of a bulk is refused with 429 or 503, the others are not.
        forgotten: One item of a bulk is answered for as written, and is not.
        delay_seconds: See above.
    """

    refused: float = 0.04
    lost: float = 0.02
    answer_lost: float = 0.02
    delayed: float = 0.05
    item: float = 0.05
    forgotten: float = 0.002
    delay_seconds: float = 0.5


CALM: Final = Odds(refused=0, lost=0, answer_lost=0, delayed=0, item=0, forgotten=0)


@dataclass
class IndexFaults:
    """A running proxy.

    Attributes:
        url: To call in place of the server behind it.
        odds: How likely each accident is, from now on.
        met: What became of the requests so far; of bulks also each item's refusal.
        is_red: Whether the cluster says that it is red.
        rejects: Whether it answers that it does not know the credentials.
        refused_ids: Documents that the index's mapping refuses.
    """

    url: str
    odds: Odds
    _rng: Random
    met: Counter[Fate] = field(default_factory=Counter)
    is_red: bool = False
    rejects: bool = False
    refused_ids: set[str] = field(default_factory=set)
    _down_until: float = 0.0
    _closed_until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def go_down(self, seconds: float) -> None:
        """Let every connection end unanswered for a while."""
        self._down_until = time.monotonic() + seconds

    def close_index(self, seconds: float) -> None:
        """Answer for a while as if the index had been closed."""
        self._closed_until = time.monotonic() + seconds

    def fate(self) -> Fate:
        """Draw what becomes of one request."""
        with self._lock:
            found = self._drawn()
            self.met[found] += 1
        return found

    def refusals(self, ids: Sequence[str]) -> dict[int, int]:
        """Draw which items of a bulk are refused, each with its status."""
        with self._lock:
            drawn = {
                number: self._rng.choice(_BUSY)
                for number in range(len(ids))
                if self._rng.random() < self.odds.item
            }
            drawn |= {n: _BAD_REQUEST for n, id_ in enumerate(ids) if id_ in self.refused_ids}
            self.met[Fate.ITEMS_REFUSED] += len(drawn)
        return drawn

    def forgets(self, items: int) -> set[int]:
        """Draw which items of a bulk are answered for as written, and are not."""
        with self._lock:
            drawn = {n for n in range(items) if self._rng.random() < self.odds.forgotten}
            self.met[Fate.ITEMS_FORGOTTEN] += len(drawn)
        return drawn

    def busy_status(self) -> int:
        """Draw how a request is refused."""
        with self._lock:
            return self._rng.choice(_BUSY)

    def delay(self) -> float:
        """Draw how long a request is held, in seconds."""
        with self._lock:
            return self._rng.uniform(0, self.odds.delay_seconds)

    def _drawn(self) -> Fate:
        if time.monotonic() < self._down_until:
            return Fate.DOWN
        if time.monotonic() < self._closed_until:
            return Fate.CLOSED
        draw = self._rng.random()
        for fate, probability in (
            (Fate.REFUSED, self.odds.refused),
            (Fate.LOST, self.odds.lost),
            (Fate.ANSWER_LOST, self.odds.answer_lost),
            (Fate.DELAYED, self.odds.delayed),
        ):
            if draw < probability:
                return fate
            draw -= probability
        return Fate.FORWARDED


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client, and one of its own to the server behind."""

    protocol_version = "HTTP/1.1"
    faults: IndexFaults
    upstream: str

    def setup(self) -> None:
        super().setup()
        self._behind = http.client.HTTPConnection(self.upstream, timeout=_PATIENCE)

    def finish(self) -> None:
        self._behind.close()
        super().finish()

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if planted := self._planted():
            self._answer(planted)
            return
        fate = self.faults.fate()
        match fate:
            case Fate.DOWN | Fate.LOST:
                self.close_connection = True
                return
            case Fate.REFUSED:
                self._answer(_busy(self.faults.busy_status()))
                return
            case Fate.CLOSED:
                self._answer(_closed())
                return
            case Fate.DELAYED:
                time.sleep(self.faults.delay())
        try:
            answer = self._forward(body)
        except (OSError, http.client.HTTPException):
            # The server behind has gone: so has this connection.
            self.close_connection = True
            return
        if fate is Fate.ANSWER_LOST:
            self.close_connection = True
            return
        self._answer(answer)

    # The names are what the library looks for.
    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _handle  # noqa: N815

    def _planted(self) -> _Answer | None:
        """The answer that a test has planted; None when the server is to answer."""
        if self.faults.rejects:
            return _error(401, "security_exception", "unable to authenticate user")
        if self.faults.is_red and urlsplit(self.path).path == "/_cluster/health":
            return _Answer(200, _HEADERS, b'{"status": "red"}')
        return None

    def _forward(self, body: bytes) -> _Answer:
        if not urlsplit(self.path).path.endswith("/_bulk"):
            return self._asked(body)
        return self._bulk(body)

    def _bulk(self, body: bytes) -> _Answer:
        """Keep some items from the server, and answer for them in its name."""
        lines = body.splitlines()
        operations = list(zip(lines[::2], lines[1::2], strict=True))
        ids = [next(iter(json.loads(action).values()))["_id"] for action, _ in operations]
        refused = self.faults.refusals(ids)
        forgotten = self.faults.forgets(len(operations)) - refused.keys()
        kept = [
            pair
            for number, pair in enumerate(operations)
            if number not in refused and number not in forgotten
        ]
        answer = _Answer(200, _HEADERS, b'{"items": []}')
        if kept:
            answer = self._asked(b"".join(b"%b\n%b\n" % pair for pair in kept))
        if answer.status != http.client.OK or len(kept) == len(operations):
            return answer
        said = json.loads(answer.body)
        judged = iter(said["items"])
        said["items"] = [
            _refused(action, refused[number])
            if number in refused
            else _written(action)
            if number in forgotten
            else next(judged)
            for number, (action, _) in enumerate(operations)
        ]
        return _Answer(answer.status, answer.headers, json.dumps(said).encode())

    def _asked(self, body: bytes) -> _Answer:
        headers = {n: v for n, v in self.headers.items() if n.lower() not in _HOP_BY_HOP}
        self._behind.request(self.command, self.path, body or None, headers)
        response = self._behind.getresponse()
        return _Answer(response.status, response.getheaders(), response.read())

    def _answer(self, answer: _Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        if self.command == "HEAD":
            length = {n.lower(): v for n, v in answer.headers}.get("content-length", "0")
            self.send_header("Content-Length", length)
        else:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name in the base)
        """Say nothing: what was met is counted."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    #: Clients come dozens at a time.
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that were killed while they were answered."""


def _busy(status: int) -> _Answer:
    return _error(status, _ERRORS[status], "an accident of the chaos run")


def _closed() -> _Answer:
    return _error(_BAD_REQUEST, "index_closed_exception", "closed")


def _error(status: int, kind: str, reason: str) -> _Answer:
    error = {"type": kind, "reason": reason}
    body = json.dumps({"error": {**error, "root_cause": [error]}, "status": status})
    return _Answer(status, _HEADERS, body.encode())


def _written(action: bytes) -> Mapping[str, Any]:
    [verb] = json.loads(action)
    return {verb: {"status": 201}}


def _refused(action: bytes, status: int) -> Mapping[str, Any]:
    [verb] = json.loads(action)
    error = {"type": _ERRORS[status], "reason": "an accident of the chaos run"}
    return {verb: {"status": status, "error": error}}


@contextmanager
def index_faults(upstream_url: str, rng: Random, odds: Odds = CALM) -> Iterator[IndexFaults]:
    """Run the proxy for the time of a `with` block.

    Args:
        upstream_url: The server behind it.
        rng: Draws the accidents.
        odds: How likely they are, to begin with.
    """

    class Handler(_Handler):
        upstream = urlsplit(upstream_url).netloc

    with _Server((loopback.ADDRESS, 0), Handler) as server:
        Handler.faults = faults = IndexFaults(loopback.url(server.server_port), odds, rng)
        serving = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
        serving.start()
        try:
            yield faults
        finally:
            server.shutdown()
            serving.join()
