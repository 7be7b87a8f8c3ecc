"""The library's own image loader: an HTTP service that returns one image's document at a time.

urllib3 sends the requests: botocore and the Elasticsearch client depend on it too. Its retries are
off: they take account neither of the time that is left nor of the other images that wait for the
same service.
"""

from __future__ import annotations

import json
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Retry, Timeout
from urllib3.connectionpool import connection_from_url
from urllib3.exceptions import HTTPError, InvalidHeader, ReadTimeoutError

from reindex.domain.documents import MAX_DOCUMENT_BYTES, parse_document, shown, too_large
from reindex.domain.failures import (
    LoaderRefused,
    NoTimeLeft,
    OriginalNotFound,
    SourceUnavailable,
    StoreUnavailable,
)
from reindex.settings import ImageLoader
from reindex.stores.aws import USER_AGENT
from reindex.time_limit import TimeLimit

log = logging.getLogger(__name__)

#: Placeholder for the image's id in the loader's URL.
ID = "{id}"

_CONNECT_SECONDS = 3.0

#: Most requests for one image, if the loader throttles or fails, or the connection breaks.
ATTEMPTS = 3

#: Pause before the second attempt if the loader requests none; doubles with each further one.
_PAUSE_SECONDS = 0.5

#: Time left below which no request is sent, in seconds.
LEAST_SECONDS = 2.0

#: Part of the usual time-out after which a time-out counts as the loader's fault. Below it, the
#: request was sent too late in the invocation.
_FAIR_SHARE = 0.8

#: Minimum seconds between two reads of the secret, so that a wrong key is not read again for each
#: image.
_KEY_SECONDS = 60.0

#: Seconds for which a secret that could not be read is not read again: all images of a call would
#: wait for it, one after the other.
_PROBLEM_SECONDS = 5.0

_REDIRECTS = 3
_CHUNK = 64 * 1024
_REFUSAL_BYTES = 800

_OK = 200
_REDIRECT = range(300, 400)
_UNKNOWN_KEY = {401, 403}
_NOT_FOUND = {404, 410}
_THROTTLED = 429
_REFUSED = range(400, 500)


class _TooSlow(HTTPError):
    """The body was not complete in time, although the loader kept sending parts of it."""


@dataclass(frozen=True, slots=True)
class Secret:
    """The contents of the loader's secret.

    Attributes:
        key: The header's value; None if no key is sent.
        authority: PEM text of a private certificate authority, which is then the only one trusted.
    """

    key: str | None = None
    authority: str | None = None

    @classmethod
    def parse(cls, text: str) -> Secret:
        """Read the text of a secret.

        Raises:
            StoreUnavailable: It is not a JSON object with a ``key`` that a header can carry.
        """
        try:
            found: object = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        key = found.get("key") if isinstance(found, dict) else None
        authority = found.get("ca") if isinstance(found, dict) else None
        if not isinstance(key, str) or not key.isascii() or not key.isprintable():
            # The text itself must not reach a log.
            raise StoreUnavailable("the image loader's secret is no JSON object with a key")
        if authority is not None and not isinstance(authority, str):
            raise StoreUnavailable("the ca in the image loader's secret is no text")
        return cls(key, authority)


class HttpLoader:
    """A client of an image loader, with connections that are kept open; thread-safe.

    Args:
        place: URL of the loader, and settings of the requests.
        read_secret: Reads the text of its secret; None if it needs no key.
        time_limit: Of the invocation; no request takes longer.
    """

    def __init__(
        self,
        place: ImageLoader,
        read_secret: Callable[[], str] | None = None,
        *,
        time_limit: TimeLimit | None = None,
    ) -> None:
        assert place.loader_url is not None
        self._url = place.loader_url
        self._header = place.loader_header
        self._seconds = float(place.loader_timeout_seconds)
        self._requests = place.loader_requests
        self._read_secret = read_secret
        self._time_limit = time_limit or TimeLimit()
        self._lock = Lock()
        self._secret: Secret | None = None
        self._problem = ""
        self._read_at = 0.0
        self._pool: HTTPConnectionPool | None = None
        #: Monotonic time before which the loader wants no requests (``Retry-After``).
        self._resume_at = 0.0

    @property
    def requests(self) -> int:
        """Most concurrent requests."""
        return self._requests

    def load(self, image_id: str) -> dict[str, Any]:
        """Request an image's document; check only that it is a JSON object.

        Raises:
            OriginalNotFound: The loader answers 404 or 410.
            LoaderRefused: It answers another 4xx, or redirects to another host.
            LoaderAnswer: Its answer is not a JSON object, or too large.
            SourceUnavailable: It does not answer, or each time with 429 or 5xx.
            NoTimeLeft: Too little time is left to wait for its answer.
            StoreUnavailable: Its secret cannot be read.
        """
        url = self._url.replace(ID, _encoded(image_id))
        problem = ""
        for attempt in range(ATTEMPTS):
            self._await_turn()
            started = time.monotonic()
            try:
                answer = self._ask(url)
            except HTTPError as error:
                problem = type(error).__name__
                if isinstance(error, ReadTimeoutError | _TooSlow):
                    raise self._timed_out(time.monotonic() - started) from error
                self._pause(None, attempt)
                continue
            if answer.status == _OK:
                return parse_document(answer.body)
            if answer.status not in (_THROTTLED, *range(500, 600)):
                raise _refusal(answer)
            problem = f"{answer.status} {shown(answer.body)}".strip()
            self._pause(answer, attempt)
        raise SourceUnavailable("the image loader does not answer", problem)

    def _await_turn(self) -> None:
        """Wait until the loader accepts requests again.

        Raises:
            NoTimeLeft: That is later than the time limit.
        """
        pause = self._resume_at - time.monotonic()
        if self._time_limit.left() - max(0.0, pause) < LEAST_SECONDS:
            raise NoTimeLeft("the image loader: no time is left to ask it")
        if pause > 0:
            time.sleep(pause)

    def _pause(self, answer: _Answer | None, attempt: int) -> None:
        """Wait before the next attempt; after a throttle, the requests of all images wait.

        Raises:
            SourceUnavailable: The next attempt would be after the time limit.
        """
        seconds = _PAUSE_SECONDS * 2**attempt
        wanted = answer.retry_after if answer else None
        if wanted is not None:
            seconds = wanted
        if answer and (answer.status == _THROTTLED or wanted is not None):
            self._resume_at = max(self._resume_at, time.monotonic() + seconds)
        if attempt + 1 == ATTEMPTS:
            return
        if self._time_limit.left() - seconds < LEAST_SECONDS:
            what = f"answers {answer.status}" if answer else "breaks the connection"
            after = f"; it wants to be asked again in {wanted:.0f} s" if wanted is not None else ""
            raise SourceUnavailable("the image loader does not answer", f"it {what}{after}")
        if not answer or answer.status != _THROTTLED:
            time.sleep(seconds)

    def _timed_out(self, waited: float) -> Exception:
        if waited < _FAIR_SHARE * self._seconds:
            return NoTimeLeft("the image loader: no time was left to wait for its answer")
        return SourceUnavailable(
            "the image loader does not answer", f"nothing within {self._seconds:.0f} s"
        )

    def _ask(self, url: str) -> _Answer:
        """Send one request; repeat it with a new key if the loader rejects the present one."""
        secret = self._current_secret()
        answer = self._get(url, secret)
        if answer.status in _UNKNOWN_KEY and (newer := self._newer_secret(secret)):
            answer = self._get(url, newer)
        return answer

    def _get(self, url: str, secret: Secret) -> _Answer:
        """Send one request, and follow redirects on the same host.

        Raises:
            HTTPError: There was no answer, or none in time.
            LoaderAnswer: The answer is too large.
            LoaderRefused: It redirects to another host, or too often.
        """
        headers = {"Accept": "application/json", "User-Agent": USER_AGENT}
        if self._header and secret.key:
            headers[self._header] = secret.key
        ends_at = time.monotonic() + min(self._seconds, self._time_limit.left())
        for _ in range(_REDIRECTS + 1):
            answer = self._get_once(url, headers, secret, ends_at)
            if answer.status not in _REDIRECT:
                return answer
            target = urljoin(url, answer.headers.get("Location", ""))
            if _origin(target) != _origin(self._url):
                # The key must not be sent to another host.
                raise LoaderRefused("the image loader redirects to another host", shown(target))
            url = target
        raise LoaderRefused("the image loader redirects without end", shown(url))

    def _get_once(
        self, url: str, headers: Mapping[str, str], secret: Secret, ends_at: float
    ) -> _Answer:
        left = max(0.1, ends_at - time.monotonic())
        parts = urlsplit(url)
        answer = self._connections(secret).urlopen(
            "GET",
            f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}",
            headers=headers,
            retries=False,
            redirect=False,
            timeout=Timeout(connect=min(_CONNECT_SECONDS, left), read=left),
            preload_content=False,
        )
        try:
            body = _body(answer, ends_at)
            if answer.status != _OK:
                body = body[:_REFUSAL_BYTES]
        except BaseException:
            # A connection with unread data cannot be reused, but its place in the pool can.
            answer.close()
            answer.release_conn()
            raise
        answer.release_conn()
        return _Answer(answer.status, answer.headers, body)

    def _connections(self, secret: Secret) -> HTTPConnectionPool:
        with self._lock:
            if self._pool is None:
                more: dict[str, Any] = {}
                if urlsplit(self._url).scheme == "https":
                    try:
                        more["ssl_context"] = ssl.create_default_context(cadata=secret.authority)
                    except (ValueError, ssl.SSLError) as error:
                        raise StoreUnavailable(
                            "the ca in the image loader's secret is no PEM text"
                        ) from error
                self._pool = connection_from_url(
                    self._url.replace(ID, ""), maxsize=self._requests, block=True, **more
                )
            return self._pool

    def _current_secret(self) -> Secret:
        if self._read_secret is None:
            return Secret()
        with self._lock:
            if self._secret is None:
                if self._problem and time.monotonic() - self._read_at < _PROBLEM_SECONDS:
                    raise StoreUnavailable(self._problem)
                try:
                    self._secret = Secret.parse(self._read_secret())
                except StoreUnavailable as error:
                    self._problem = str(error)
                    raise
                finally:
                    self._read_at = time.monotonic()
            return self._secret

    def _newer_secret(self, refused: Secret) -> Secret | None:
        """Return the secret if it has changed since one was rejected; None if it has not."""
        if self._read_secret is None:
            return None
        with self._lock:
            is_old = time.monotonic() - self._read_at > _KEY_SECONDS
            if self._secret == refused and is_old:
                log.warning("the image loader does not know the key; its secret is read again")
                self._read_at = time.monotonic()
                self._secret = Secret.parse(self._read_secret())
                if self._secret.authority != refused.authority:
                    self._pool = None
            return self._secret if self._secret != refused else None


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def retry_after(self) -> float | None:
        """Seconds until the loader accepts requests again; None if it does not say."""
        wanted = self.headers.get("Retry-After")
        if wanted is None:
            return None
        with suppress(InvalidHeader, ValueError, OverflowError):
            return Retry().parse_retry_after(wanted)
        return None


def _body(answer: BaseHTTPResponse, ends_at: float) -> bytes:
    """Read an answer's body in pieces, with a limit on its size and its time.

    Raises:
        LoaderAnswer: It is too large.
        HTTPError: It broke off, or was too slow.
    """
    pieces: list[bytes] = []
    size = 0
    while piece := answer.read1(_CHUNK):
        pieces.append(piece)
        size += len(piece)
        if size > MAX_DOCUMENT_BYTES:
            raise too_large()
        if time.monotonic() > ends_at:
            raise _TooSlow("the body came too slowly")
    return b"".join(pieces)


def _refusal(answer: _Answer) -> Exception:
    if answer.status in _NOT_FOUND:
        return OriginalNotFound("the image loader knows no such image", shown(answer.body))
    what = "refused the image" if answer.status in _REFUSED else "gave an unexpected answer"
    return LoaderRefused(f"the image loader {what}: status {answer.status}", shown(answer.body))


def _encoded(image_id: str) -> str:
    """Return an id as one segment of a URL's path."""
    encoded = quote(image_id, safe="", errors="replace")
    # A segment of only dots would be interpreted as a relative path.
    return encoded.replace(".", "%2E") if not encoded.strip(".") else encoded


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
