"""A library in use: people create, edit and delete images while a reindex goes on.

It does what a live library does: the truth first, then the document, unguarded, built in a
simpler way than a reindex would. No other program changes this truth, so what it remembers
is what a reindex must have written to the index at the end.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, Final

import boto3

from reindex.domain.failures import StoreUnavailable
from reindex.settings import LibrarySettings
from reindex.stores.search.cluster import Refusal, SearchCluster, path
from tests.local.fill import original_key
from tests.local.picture_files import PictureFile

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client

#: The local cloud answers one call at a time; more would only queue up there.
_AT_ONCE: Final = 8

#: Concurrent writers; each owns its share of the images, so that the library's own writes
#: to one image never overtake each other.
WRITERS: Final = 4

#: Of the images there are to begin with: how many the index knows, and how many of those it
#: knows under a title from long ago.
_INDEXED: Final = 0.7
_STALE: Final = 0.3

#: What people do, and how often in proportion.
_EDIT, _REFRESH, _DELETE, _CREATE = "edited", "edited in part", "deleted", "created"
_MARK = "marked"
_DOINGS: Final = {_EDIT: 4, _REFRESH: 4, _MARK: 2, _DELETE: 1, _CREATE: 1}

#: Longest time between a change of the truth and of the document, seconds: the gap in which
#: a reindex must not go wrong.
_GAP_SECONDS: Final = 0.4


#: How long the index server may be down, and how soon it is asked again.
_PATIENCE_SECONDS: Final = 180
_AGAIN_SECONDS: Final = 0.5


@dataclass
class LiveLibrary:
    """The library's people.

    Attributes:
        originals: Name of the bucket of the originals.
        index: Alias or name of the index.
        titles: The title of every image that exists, as people gave it last.
        marks: What the index alone holds of images: a preserved field.
        gone: Images that were deleted.
        touched: Images that people created, edited or deleted since :meth:`live` began.
        created: Those created since, oldest first.
        done: What people did so far.
    """

    s3: S3Client
    edits: Table
    documents: SearchCluster
    originals: str
    index: str
    titles: dict[str, str] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)
    created: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    _numbers: Iterator[int] = field(default_factory=count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def stock(self, images: int, rng: Random, *, drifted: bool = True) -> None:
        """Fill the library, as it is before a reindex.

        Args:
            images: How many.
            rng: Draws what the index lacks.
            drifted: Whether the index has drifted from the truth.
        """
        pictures = [_picture(next(self._numbers)) for _ in range(images)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            ids = list(pool.map(self._put_original, pictures))
        self.titles.update((image_id, self._new_title()) for image_id in ids)
        with self.edits.batch_writer() as batch:
            for image_id in ids:
                batch.put_item(Item=_edits(image_id, self.titles[image_id]))
        known = [i for i in ids if not drifted or rng.random() < _INDEXED]
        documents = [
            _document(i, "from long ago" if drifted and rng.random() < _STALE else self.titles[i])
            for i in known
        ]
        lines = [line for d in documents for line in ({"index": {"_id": d["id"]}}, d)]
        body = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
        answer = self.documents.send("POST", f"/{self.index}/_bulk", body=body)
        assert not answer["errors"]

    @contextmanager
    def live(self, seed: str, *, pause: float) -> Iterator[threading.Event]:
        """People at work for the time of a `with` block, or until the event it yields is set.

        Args:
            seed: Of what they do.
            pause: Mean seconds between the doings of one of them.

        Raises:
            Exception: What one of them ran into.
        """
        over = threading.Event()
        with ThreadPoolExecutor(WRITERS) as pool:
            writers = [
                pool.submit(self._write, number, Random(f"{seed}/{number}"), pause, over)
                for number in range(WRITERS)
            ]
            try:
                yield over
            finally:
                over.set()
        for writer in writers:
            writer.result()

    def _write(self, number: int, rng: Random, pause: float, over: threading.Event) -> None:
        mine = [image_id for image_id in list(self.titles) if _owner(image_id) == number]
        verbs, weights = list(_DOINGS), list(_DOINGS.values())
        while not over.wait(rng.expovariate(1 / pause)):
            [verb] = rng.choices(verbs, weights)
            if verb == _CREATE:
                mine.append(self._create(number, rng))
            elif mine:
                image_id = rng.choice(mine)
                if verb == _DELETE:
                    mine.remove(image_id)
                    self._delete(image_id, rng)
                elif verb == _MARK:
                    self._mark(image_id)
                else:
                    self._edit(image_id, rng, in_part=verb == _REFRESH)
            self.done[verb] += 1

    def _create(self, number: int, rng: Random) -> str:
        while True:
            picture = _picture(next(self._numbers))
            if _owner(_id(picture)) == number:
                break
        title = self._new_title()
        image_id = _id(picture)
        self.edits.put_item(Item=_edits(image_id, title))
        self._put_original(picture)
        self._remember(image_id, title)
        with self._lock:
            self.created.append(image_id)
        _pause(rng)
        self._put(image_id, self._document(image_id, title))
        return image_id

    def _edit(self, image_id: str, rng: Random, *, in_part: bool) -> None:
        title = self._new_title()
        self._remember(image_id, title)
        self.edits.put_item(Item=_edits(image_id, title))
        _pause(rng)
        document = self._document(image_id, title)
        if in_part:
            self._update(image_id, document)
        else:
            self._put(image_id, document)

    def _update(self, image_id: str, document: Mapping[str, Any]) -> None:
        """Change what was edited and leave the rest of the document, provenance included."""
        parts = {name: document[name] for name in ("metadata", "userMetadata", "lastModified")}
        try:
            self._change(image_id, parts, {"retry_on_conflict": "5"})
        except Refusal as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            self._put(image_id, document)

    def _mark(self, image_id: str) -> None:
        """Change a field that the truth does not hold, if the image has a document."""
        mark = f"mark {next(self._numbers)}"
        try:
            part = {"esInfo": {"migration": {"migratedTo": mark}}}
            self._change(image_id, part, {"retry_on_conflict": "5"})
        except Refusal as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return
        with self._lock:
            self.touched.add(image_id)
            self.marks[image_id] = mark

    def make_odd(self, image_id: str, part: Mapping[str, Any]) -> None:
        """Change a part of a document, if there is one, to what a program of others writes."""
        with self._lock:
            if image_id not in self.titles:
                return
            self.touched.add(image_id)
        try:
            self._change(image_id, part)
        except Refusal as error:
            if error.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
                raise

    def _delete(self, image_id: str, rng: Random) -> None:
        with self._lock:
            self.titles.pop(image_id)
            self.marks.pop(image_id, None)
            self.gone.add(image_id)
            self.touched.add(image_id)
        self.s3.delete_object(Bucket=self.originals, Key=original_key(image_id))
        self.edits.delete_item(Key={"id": image_id})
        _pause(rng)
        try:
            self._send("DELETE", path(self.index, "_doc", image_id))
        except Refusal as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise

    def _document(self, image_id: str, title: str) -> dict[str, Any]:
        """The document of an image, with what only the index holds of it."""
        mark = self.marks.get(image_id)
        kept = {"esInfo": {"migration": {"migratedTo": mark}}} if mark else {}
        return _document(image_id, title) | kept

    def _send(
        self,
        method: str,
        where: str,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> None:
        """Write, and repeat it while the index server is down: a second write has no effect."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                self.documents.send(method, where, params, body)
            except StoreUnavailable:
                if time.monotonic() > until:
                    raise
                time.sleep(_AGAIN_SECONDS)
            else:
                return

    def _put(self, image_id: str, document: Mapping[str, Any]) -> None:
        self._send("PUT", path(self.index, "_doc", image_id), body=document)

    def _change(
        self, image_id: str, part: Mapping[str, Any], params: Mapping[str, str] | None = None
    ) -> None:
        where = path(self.index, "_update", image_id)
        self._send("POST", where, params, {"doc": part})

    def _remember(self, image_id: str, title: str) -> None:
        with self._lock:
            self.titles[image_id] = title
            self.touched.add(image_id)

    def _put_original(self, picture: bytes) -> str:
        key = original_key(_id(picture))
        self.s3.put_object(Bucket=self.originals, Key=key, Body=picture)
        return _id(picture)

    def _new_title(self) -> str:
        return f"version {next(self._numbers)}"


def live_library(
    session: boto3.Session,
    endpoint_url: str,
    library: LibrarySettings,
    documents: SearchCluster,
    index: str,
) -> LiveLibrary:
    """The sample library's people.

    Args:
        session: With the credentials and the region of the local cloud.
        endpoint_url: Of the local cloud.
        library: Names of its buckets and tables.
        documents: Client of the index server.
        index: Alias or name of the index.
    """
    assert library.edits_table, "the sample library has every table"
    # Threads must not share a resource, except for the table's calls, which only use its client.
    edits = session.resource("dynamodb", endpoint_url=endpoint_url).Table(library.edits_table)
    s3 = session.client("s3", endpoint_url=endpoint_url)
    return LiveLibrary(s3, edits, documents, library.originals_bucket, index)


def titles(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, str | None]:
    """What the index says is each image's title."""
    return {i: source.get("metadata", {}).get("title") for i, source in documents.items()}


def marks(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, str | None]:
    """What the index alone holds of each image."""
    return {
        i: source.get("esInfo", {}).get("migration", {}).get("migratedTo")
        for i, source in documents.items()
    }


def _picture(number: int) -> bytes:
    return PictureFile("JPEG", (64, 48), number).make()


def _id(picture: bytes) -> str:
    return hashlib.sha1(picture, usedforsecurity=False).hexdigest()


def _owner(image_id: str) -> int:
    return int(image_id[-2:], 16) % WRITERS


def _edits(image_id: str, title: str) -> dict[str, Any]:
    return {"id": image_id, "metadata": {"title": title}, "lastModified": _now()}


def _document(image_id: str, title: str) -> dict[str, Any]:
    """A document as the library builds it: it need not be what a projection gives."""
    return {
        "id": image_id,
        "uploadTime": _now(),
        "metadata": {"title": title},
        "userMetadata": {"metadata": {"title": title}},
        "lastModified": _now(),
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _pause(rng: Random) -> None:
    threading.Event().wait(rng.uniform(0, _GAP_SECONDS))
