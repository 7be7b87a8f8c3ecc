"""Projection: from ids to documents, from the truth alone."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from reindex.domain.digest import canonical_json, digest
from reindex.domain.documents import check_document
from reindex.domain.failures import (
    Failure,
    NoTimeLeft,
    ReindexFailure,
    SourceUnavailable,
    StoreUnavailable,
    UnexpectedError,
)
from reindex.domain.projections import Projected, ProjectionAnswer
from reindex.image.document import build, draft_of, merge, with_provenance
from reindex.image.extract import extract
from reindex.image.ranged import RangedFile
from reindex.image.truth import ImageTruth, Rendition, UserData
from reindex.processors.processing import Change, NamedProcessor, explained
from reindex.steps.ambient import Clock, Meter
from reindex.steps.claims import CLAIM_ABOVE, claim
from reindex.stores.interfaces.library import Library, OpenObject
from reindex.stores.interfaces.projection import Loader
from reindex.stores.interfaces.run_files import RunFiles
from reindex.tag_names import TagNames
from reindex.time_limit import TimeLimit

log = logging.getLogger(__name__)

#: Images of one call that are read at once: each waits mostly on S3. A call of a hundred then makes
#: three or four reads in a row for each that an image needs.
IMAGES_AT_ONCE = 32

#: Seconds that must be left for an image to be begun: S3 may leave a read of it unanswered twice.
IMAGE_SECONDS = 10.0

#: Bytes of documents in one answer, as they travel; beyond, the largest wait in the bucket. Lambda
#: takes 6 MB, but dozens of answers are in batch-index's memory at once.
ANSWER_BYTES = 3_000_000


@dataclass(frozen=True, slots=True)
class _Built:
    """One image's outcome: its document as JSON text, or its claim check, or why there is none."""

    id: str
    digest: str = ""
    text: str = ""
    claimed: bool = False
    failure: Failure | None = None
    later: bool = False
    bytes_read: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Projection:
    """Builds documents.

    Attributes:
        projector: Name and version of what projects, for the documents' provenance.
        stage: The deployment.
        loader: The library's own image loader, which reads the originals in place of us; None when
            we do.
        is_whole: True if the loader's documents hold the user data already.
        tag_names: By whose names ``fileMetadata`` shows tags.
        processors: What the library makes of files' metadata, before people's edits.
    """

    library: Library
    files: RunFiles
    projector: str
    stage: str
    clock: Clock
    meter: Meter
    time_limit: TimeLimit = field(default_factory=TimeLimit)
    loader: Loader | None = None
    is_whole: bool = False
    tag_names: TagNames = TagNames.STANDARD
    processors: Sequence[NamedProcessor] = ()

    @property
    def _at_once(self) -> int:
        return self.loader.requests if self.loader else IMAGES_AT_ONCE

    def project(
        self, ids: Sequence[str], run_id: str, misfits: Mapping[str, str] | None = None
    ) -> ProjectionAnswer:
        """Build the documents of images; each image's failure is its own.

        An image that no time is left for has not failed: it is to be asked for again.

        Args:
            ids: At most 100, without repetition; in order, their crops take fewer requests.
            run_id: For the documents' provenance.
            misfits: See :func:`reindex.image.document.build`.
        """
        now = datetime.fromtimestamp(self.clock.now(), UTC)
        user_data = self._user_data(ids)
        with ThreadPoolExecutor(self._at_once) as pool:
            built = list(
                pool.map(lambda id_: self._one(id_, user_data[id_], run_id, now, misfits), ids)
            )
        for image in built:
            self.meter.bytes("BytesReadPerImage", image.bytes_read)
        documents = [image for image in built if image.text]
        return ProjectionAnswer(
            images=self._fitted(documents, run_id),
            failures={image.id: image.failure for image in built if image.failure},
            later=[image.id for image in built if image.later],
            bytes_read=sum(image.bytes_read for image in built),
            requests=sum(image.requests for image in built),
        )

    def document(
        self, image_id: str, run_id: str, misfits: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Build one image's document.

        Raises:
            ReindexFailure: Why it cannot be built.
        """
        now = datetime.fromtimestamp(self.clock.now(), UTC)
        user_data = self._user_data([image_id])[image_id]
        if isinstance(user_data, Failure):
            raise SourceUnavailable(user_data.message, user_data.detail)
        return self._document(image_id, user_data, run_id, now, misfits)[0]

    def _user_data(self, ids: Sequence[str]) -> Mapping[str, UserData | Failure]:
        if self.loader and self.is_whole:
            return dict.fromkeys(ids, UserData())
        return self.library.user_data(ids)

    def _one(
        self,
        image_id: str,
        user_data: UserData | Failure,
        run_id: str,
        now: datetime,
        misfits: Mapping[str, str] | None,
    ) -> _Built:
        if isinstance(user_data, Failure):
            return _Built(image_id, failure=user_data)
        try:
            document, file = self._document(image_id, user_data, run_id, now, misfits)
        except NoTimeLeft:
            return _Built(image_id, later=True)
        except ReindexFailure as failure:
            return _Built(image_id, failure=failure.as_failure())
        except StoreUnavailable as error:
            cause = SourceUnavailable("a source of truth did not answer", str(error))
            return _Built(image_id, failure=cause.as_failure())
        except Exception as error:
            # The edge of one image's work: what we did not foresee is this image's failure
            # alone, recorded with its cause, and never its neighbours'.
            log.exception("unexpected", extra={"image_id": image_id})
            unexpected = UnexpectedError(
                "something failed in a way we did not foresee", f"{type(error).__name__}: {error}"
            )
            return _Built(image_id, failure=unexpected.as_failure())
        built = _Built(
            image_id,
            document["esInfo"]["reindex"]["digest"],
            canonical_json(document).decode(),
            bytes_read=file.bytes_read if file else 0,
            requests=file.requests if file else 0,
        )
        return self._claimed(built, run_id) if len(built.text) > CLAIM_ABOVE else built

    def _claimed(self, image: _Built, run_id: str) -> _Built:
        return replace(
            image, text=claim(self.files, run_id, image.digest, image.text), claimed=True
        )

    def _document(
        self,
        image_id: str,
        user_data: UserData,
        run_id: str,
        now: datetime,
        misfits: Mapping[str, str] | None,
    ) -> tuple[dict[str, Any], RangedFile | None]:
        """Build one image's document; return it with the original that was read, if we read it."""
        if self.loader:
            document, file = self._loaded(self.loader, image_id, user_data, now, misfits), None
        else:
            document, file = self._built(image_id, user_data, now, misfits)
        provenance = with_provenance(
            document,
            digest=digest(document),
            run_id=run_id,
            stage=self.stage,
            projected_at=now,
            projector=self.projector,
        )
        return provenance, file

    def _built(
        self,
        image_id: str,
        user_data: UserData,
        now: datetime,
        misfits: Mapping[str, str] | None,
    ) -> tuple[dict[str, Any], RangedFile]:
        if self.time_limit.left() < IMAGE_SECONDS:
            # Rather than that the function dies, and with it what all other images came to.
            raise NoTimeLeft("no time is left to read the original")
        original = self.library.open(image_id)
        with original.file:
            truth = ImageTruth(
                id=image_id,
                original=original.stored,
                file=extract(original.file, self.tag_names),
                thumbnail=_rendition(self.library.thumbnail(image_id)),
                optimised_png=_rendition(self.library.optimised_png(image_id)),
                user_data=user_data,
            )
        return build(truth, now, misfits, self.processors), original.file

    def explain(self, image_id: str) -> list[Change]:
        """Return what each processor makes of an image's metadata.

        Raises:
            ReindexFailure: Why it cannot be read, or which processor failed.
        """
        original = self.library.open(image_id)
        with original.file:
            read = extract(original.file, self.tag_names)
        draft = draft_of(ImageTruth(id=image_id, original=original.stored, file=read))
        return explained(draft, self.processors)

    def _loaded(
        self,
        loader: Loader,
        image_id: str,
        user_data: UserData,
        now: datetime,
        misfits: Mapping[str, str] | None,
    ) -> dict[str, Any]:
        started = self.clock.now()
        try:
            answer = loader.load(image_id)
        finally:
            self.meter.seconds("LoaderSeconds", self.clock.now() - started)
        loaded = check_document(answer, image_id, names_image=not self.is_whole)
        return loaded if self.is_whole else merge(loaded, user_data, now, misfits)

    def _fitted(self, built: Sequence[_Built], run_id: str) -> list[Projected]:
        """Return the answer's documents: the largest behind claim checks until the rest fits."""
        room = ANSWER_BYTES
        travelling: dict[str, _Built] = {}
        for image in sorted(built, key=lambda image: len(image.text)):
            fits = image.claimed or _answer_bytes(image) <= room
            travelling[image.id] = fitted = image if fits else self._claimed(image, run_id)
            room -= _answer_bytes(fitted)
            if fitted.claimed:
                self.meter.count("ClaimChecks")
        return [Projected(image.id, image.digest, travelling[image.id].text) for image in built]


def _answer_bytes(image: _Built) -> int:
    """Bytes that an image's document takes in the answer, a text in JSON."""
    return len(json.dumps(image.text))


def _rendition(found: OpenObject | None) -> Rendition | None:
    """Return a rendition; None if it cannot be read, so that the document has no such file."""
    if found is None:
        return None
    with found.file:
        try:
            read = extract(found.file)
        except SourceUnavailable:
            raise
        except ReindexFailure:
            return Rendition(found.stored, None, None)
    return Rendition(found.stored, read.mime_type, read.dimensions)
