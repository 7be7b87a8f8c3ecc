"""Projection: from ids to documents, from the truth alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reindex.digest import canonical_json, digest
from reindex.failures import (
    Failure,
    ReindexFailure,
    SourceUnavailable,
    StoreUnavailable,
    UnexpectedError,
)
from reindex.image.document import build, with_provenance
from reindex.image.extract import extract
from reindex.image.ranged import RangedFile
from reindex.image.truth import ImageTruth, Rendition, UserData
from reindex.records import Projected, ProjectionAnswer
from reindex.steps.ambient import Clock, Meter
from reindex.steps.claims import CLAIM_ABOVE, claim
from reindex.stores.interfaces import Library, OpenObject, RunFiles

log = logging.getLogger(__name__)

#: Images of one call that are read at once: each waits mostly on S3.
IMAGES_AT_ONCE = 8

#: Bytes of documents in one answer; beyond, the largest wait in the bucket. The lambda's
#: own limit is 6 MB, but dozens of answers are in batch-index's memory at once.
ANSWER_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class _Built:
    """One image's outcome: its document as JSON text, or why there is none."""

    id: str
    digest: str = ""
    text: str = ""
    failure: Failure | None = None
    bytes_read: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Projection:
    """Builds documents.

    Attributes:
        projector: Name and version of what projects, for the documents' provenance.
        stage: The deployment, likewise.
    """

    library: Library
    files: RunFiles
    projector: str
    stage: str
    clock: Clock
    meter: Meter

    def project(self, ids: Sequence[str], run_id: str) -> ProjectionAnswer:
        """Build the documents of images; each image's failure is its own.

        Args:
            ids: At most 25, without repetition.
            run_id: For the documents' provenance.
        """
        now = datetime.fromtimestamp(self.clock.now(), UTC)
        user_data = self.library.user_data(ids)
        with ThreadPoolExecutor(IMAGES_AT_ONCE) as pool:
            built = list(pool.map(lambda id_: self._one(id_, user_data[id_], run_id, now), ids))
        for image in built:
            self.meter.bytes("BytesReadPerImage", image.bytes_read)
        documents = [image for image in built if image.failure is None]
        return ProjectionAnswer(
            images=self._fitted(documents, run_id),
            failures={image.id: image.failure for image in built if image.failure},
            bytes_read=sum(image.bytes_read for image in built),
            requests=sum(image.requests for image in built),
        )

    def document(self, image_id: str, run_id: str) -> dict[str, Any]:
        """Build one image's document.

        Raises:
            ReindexFailure: Why it cannot be built.
        """
        now = datetime.fromtimestamp(self.clock.now(), UTC)
        user_data = self.library.user_data([image_id])[image_id]
        if isinstance(user_data, Failure):
            raise SourceUnavailable(user_data.message, user_data.detail)
        return self._document(image_id, user_data, run_id, now)[0]

    def _one(
        self, image_id: str, user_data: UserData | Failure, run_id: str, now: datetime
    ) -> _Built:
        if isinstance(user_data, Failure):
            return _Built(image_id, failure=user_data)
        try:
            document, file = self._document(image_id, user_data, run_id, now)
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
        return _Built(
            image_id,
            document["esInfo"]["reindex"]["digest"],
            canonical_json(document).decode(),
            bytes_read=file.bytes_read,
            requests=file.requests,
        )

    def _document(
        self, image_id: str, user_data: UserData, run_id: str, now: datetime
    ) -> tuple[dict[str, Any], RangedFile]:
        original = self.library.open(image_id)
        with original.file:
            truth = ImageTruth(
                id=image_id,
                original=original.stored,
                file=extract(original.file),
                thumbnail=_rendition(self.library.thumbnail(image_id)),
                optimised_png=_rendition(self.library.optimised_png(image_id)),
                user_data=user_data,
            )
        document = build(truth, now)
        provenance = with_provenance(
            document,
            digest=digest(document),
            run_id=run_id,
            stage=self.stage,
            projected_at=now,
            projector=self.projector,
        )
        return provenance, original.file

    def _fitted(self, built: Sequence[_Built], run_id: str) -> list[Projected]:
        """The documents as they travel: the largest behind claim checks until the rest fits."""
        room = ANSWER_BYTES
        travelling: dict[str, str] = {}
        for image in sorted(built, key=lambda image: len(image.text)):
            text = image.text
            if len(text) > CLAIM_ABOVE or len(text) > room:
                text = claim(self.files, run_id, image.digest, text)
                self.meter.count("ClaimChecks")
            room -= len(text)
            travelling[image.id] = text
        return [Projected(image.id, image.digest, travelling[image.id]) for image in built]


def _rendition(found: OpenObject | None) -> Rendition | None:
    """A file made from the original; what cannot be read of it is left out of the document."""
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
