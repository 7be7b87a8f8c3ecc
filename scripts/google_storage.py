"""Google Cloud Storage, through Google's own client: the optional extra ``gcs``.

Keys are listed through the client, objects are read through the service's XML API. Its answer to
a request for a range carries the object's metadata, time and generation in headers; the JSON API,
which the client reads with, would need a second request for them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import google.auth
from google.api_core.exceptions import (
    GoogleAPICallError,
    GoogleAPIError,
    NotFound,
    RequestRangeNotSatisfiable,
    from_http_status,
)
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
from google.auth.transport.requests import AuthorizedSession
from google.cloud.storage import Client
from google.cloud.storage.retry import DEFAULT_RETRY
from requests import RequestException
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from reindex.domain.failures import (
    ReindexFailure,
    SourceForbidden,
    SourceUnavailable,
    StoreUnavailable,
)
from reindex.image.ranged import BLOCK, FIRST_BLOCKS, RangedFile, open_bytes
from reindex.image.truth import StoredObject
from reindex.stores.interfaces.library import OpenObject

from .object_stores import StoreUnusable

_SERVICE: Final = "Google Cloud Storage"

_READ_ONLY: Final = "https://www.googleapis.com/auth/devstorage.read_only"

#: The variable from which Google's clients read an emulator's URL; it needs no credentials.
EMULATOR_VARIABLE: Final = "STORAGE_EMULATOR_HOST"

#: Seconds to connect, and without a byte, after which a request has failed: as with S3.
_TIMEOUT: Final = (3.0, 5.0)

#: Seconds for which a request that was throttled or lost is repeated.
_PATIENCE: Final = 15.0

#: The exceptions of the client, of the session and of the connection below them.
_ERRORS: Final = (GoogleAPIError, GoogleAuthError, RequestException, HTTPError)

_ERROR_CODE: Final = re.compile(r"<Code>(\w+)</Code>")
_METADATA: Final = "x-goog-meta-"

Headers = Mapping[str, str]


def connect(concurrency: int) -> GoogleStorage:
    """Return the service, with the application default credentials of this machine.

    Args:
        concurrency: Requests in flight at once.

    Raises:
        StoreUnusable: There are no credentials.
    """
    session = AuthorizedSession(_credentials())
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=concurrency))
    return GoogleStorage(session)


def _credentials() -> Credentials:
    if os.environ.get(EMULATOR_VARIABLE):
        return AnonymousCredentials()
    try:
        credentials, _ = google.auth.default(scopes=[_READ_ONLY])
    except DefaultCredentialsError as error:
        raise StoreUnusable(
            f"no credentials for {_SERVICE}: run gcloud auth application-default login, or set "
            f"GOOGLE_APPLICATION_CREDENTIALS ({error})"
        ) from error
    return credentials


@dataclass(frozen=True, slots=True)
class _Part:
    """Some bytes of an object, and what the answer says of the whole."""

    data: bytes
    stored: StoredObject
    generation: str


class GoogleStorage:
    """Google Cloud Storage, as an :class:`~.object_stores.ObjectStore`.

    Args:
        session: Sends requests with credentials.
    """

    def __init__(self, session: AuthorizedSession) -> None:
        self._session = session
        # Without a project: neither reading objects nor listing keys names one.
        self._client = Client(project=None, credentials=session.credentials, _http=session)
        self._retry = DEFAULT_RETRY.with_delay(initial=0.2, maximum=2).with_timeout(_PATIENCE)

    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        """See :meth:`~.object_stores.ObjectStore.keys`."""
        try:
            yield from self._list(bucket, prefix)
        except _ERRORS as error:
            raise StoreUnavailable(f"{_SERVICE}: {_detail(error)}") from error

    def open_key(self, bucket: str, key: str) -> OpenObject | None:
        """See :meth:`~.object_stores.ObjectStore.open_key`."""
        with _reading():
            try:
                first = self._read_part(bucket, key, 0, FIRST_BLOCKS * BLOCK)
            except NotFound:
                self._require(bucket)
                return None
            except RequestRangeNotSatisfiable:
                return self._open_empty(bucket, key)

        def fetch(start: int, length: int) -> bytes:
            with _reading():
                try:
                    part = self._read_part(bucket, key, start, length)
                except NotFound as error:
                    raise SourceUnavailable("It was deleted while it was read.") from error
                except RequestRangeNotSatisfiable as error:
                    raise SourceUnavailable("It changed while it was read.") from error
            if part.generation != first.generation:
                raise SourceUnavailable("It changed while it was read.")
            return part.data

        return OpenObject(first.stored, RangedFile(fetch, first.stored.size, head=first.data))

    def _open_empty(self, bucket: str, key: str) -> OpenObject:
        """Open an object that has not even a first byte, so that no range of it can be read."""
        headers, _ = self._request("HEAD", bucket, key)
        size = int(headers["Content-Length"])
        if size:
            raise SourceUnavailable("It changed while it was read.")
        return OpenObject(_stored(bucket, key, size, headers), open_bytes(b""))

    def _require(self, bucket: str) -> None:
        """Tell a missing bucket from a missing object.

        Needs no other permission: the service answers 404 for a missing object only to those
        who may list the bucket.
        """
        try:
            next(self._list(bucket, max_results=1), None)
        except NotFound as error:
            raise SourceForbidden("The bucket does not exist.", bucket) from error

    def _list(self, bucket: str, prefix: str = "", **options: Any) -> Iterator[str]:
        blobs = self._client.list_blobs(
            bucket,
            prefix=prefix or None,
            fields="items(name),nextPageToken",
            timeout=_TIMEOUT,
            retry=self._retry,
            **options,
        )
        return (blob.name for blob in blobs)

    def _read_part(self, bucket: str, key: str, start: int, length: int) -> _Part:
        wanted = f"bytes={start}-{start + length - 1}"
        headers, data = self._request("GET", bucket, key, {"Range": wanted})
        size = int(headers["Content-Range"].rpartition("/")[2])
        return _Part(data, _stored(bucket, key, size, headers), headers["x-goog-generation"])

    def _request(
        self, method: str, bucket: str, key: str, headers: Headers | None = None
    ) -> tuple[Headers, bytes]:
        """Return an answer's headers and its body, as stored."""
        # Slashes are escaped, too: ".." between two of them would be resolved on the way.
        url = f"{self._client.api_endpoint}/{quote(bucket, safe='')}/{quote(key, safe='')}"
        # Without gzip, the service unpacks what is stored packed, and ignores the range.
        sent = {"Accept-Encoding": "gzip", **(headers or {})}

        def attempt() -> tuple[Headers, bytes]:
            with self._session.request(
                method, url, headers=sent, timeout=_TIMEOUT, stream=True
            ) as answer:
                if answer.status_code >= HTTPStatus.BAD_REQUEST:
                    code = _ERROR_CODE.search(answer.text)
                    raise from_http_status(answer.status_code, code[1] if code else answer.reason)
                if "Range" in sent and answer.status_code != HTTPStatus.PARTIAL_CONTENT:
                    raise SourceUnavailable(f"{_SERVICE} did not answer with the part asked for.")
                # requests' own way of reading would unpack it.
                return answer.headers, answer.raw.read(decode_content=False)

        answered: tuple[Headers, bytes] = self._retry(attempt)()
        return answered


def _stored(bucket: str, key: str, size: int, headers: Headers) -> StoredObject:
    return StoredObject(
        uri=f"gs://{bucket}/{key}",
        size=size,
        last_modified=parsedate_to_datetime(headers["Last-Modified"]),
        user_metadata={
            name.lower().removeprefix(_METADATA): value
            for name, value in headers.items()
            if name.lower().startswith(_METADATA)
        },
    )


@contextmanager
def _reading() -> Iterator[None]:
    """Turn what is raised, once retries are spent, into the failure of the image that is read."""
    try:
        yield
    except _ERRORS as error:
        raise _failure(error) from error


def _failure(error: Exception) -> ReindexFailure:
    # Errors that pass are repeated until there is a RetryError: this one does not pass.
    refused = isinstance(error, GoogleAPICallError)
    # The credentials are there, but no token is given for them.
    rejected = isinstance(error, GoogleAuthError) and not (
        isinstance(error, TransportError) or error.retryable
    )
    if refused or rejected:
        return SourceForbidden(f"{_SERVICE} refused us.", _detail(error))
    return SourceUnavailable(f"{_SERVICE} did not answer.", _detail(error))


def _detail(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
