"""A rehearsal: projects images as a run would, writes nothing, and says what would change."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

from reindex.batches import in_batches
from reindex.domain.claim_checks import key_claimed_by
from reindex.domain.document_parts import selected, with_preserved
from reindex.domain.failures import ProjectionDied, ProjectorDied, StoreUnavailable
from reindex.domain.messages import document_text
from reindex.domain.projections import ProjectionAnswer
from reindex.domain.provenance import Indexed
from reindex.image.document import without_provenance
from reindex.image.refusals import refusals
from reindex.reports.footprint import PROJECTION_BATCH
from reindex.reports.rehearsal import RehearsalResult
from reindex.steps.ambient import Clock
from reindex.steps.batch_index import SMALL_BATCH
from reindex.stores.interfaces.index import Index
from reindex.stores.interfaces.projection import Projector
from reindex.stores.interfaces.run_files import RunFiles

#: Concurrent projection calls, by default.
CALLS: Final = 16

#: The run id in the provenance of a rehearsal's documents.
_NO_RUN: Final = "rehearsal"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Projects images and compares; it has no way to write to the index, the table or the queue.

    Attributes:
        alias: The alias that people search through.
        preserve: Dotted fields that the index holds and the truth does not.
        calls: Projection calls that are waited on at once.
    """

    index: Index
    projector: Projector
    files: RunFiles
    alias: str
    preserve: Sequence[str]
    clock: Clock
    calls: int = CALLS

    def sample_ids(self, size: int, seed: int, query: Mapping[str, Any] | None) -> list[str]:
        """Return ids of documents drawn at random from the index.

        Raises:
            IndexMisconfigured: The alias does not have exactly one index.
            SourceUnusable: The index rejects the query.
            StoreUnavailable: The cluster does not answer.
        """
        return self.index.sample(self.index.resolve(self.alias), size, seed, query)

    def rehearse(
        self, ids: Iterable[str], done: Callable[[int], None] = lambda _: None
    ) -> RehearsalResult:
        """Project images, and compare each with the present document.

        A file behind a claim check is written to the run's bucket, where it expires, as in a run.

        Args:
            ids: Of the images; one that comes twice counts once.
            done: Called with the number of images that are done.

        Raises:
            IndexMisconfigured: The alias does not have exactly one index.
            StoreUnavailable: A service does not answer.
        """
        index = self.index.resolve(self.alias)
        found = RehearsalResult(index)
        mapping = self.index.mapping(index)
        misfits = self.index.misfits(index)
        # In order, for their crops then take fewer requests.
        wanted = sorted(set(ids))
        size = min(PROJECTION_BATCH, max(SMALL_BATCH, math.ceil(len(wanted) / self.calls)))
        batches = list(in_batches(wanted, size))
        with ThreadPoolExecutor(self.calls) as pool:
            # A few calls at a time, for each keeps whole documents in memory.
            for some in in_batches(batches, self.calls):
                calls = pool.map(lambda batch: self._projected(index, batch, misfits), some)
                for documents, answer, seconds in calls:
                    images = len(answer.images) + len(answer.failures)
                    found.image_seconds.append(seconds / max(1, images))
                    self._note(found, documents, answer, mapping)
                    done(found.images)
        return found

    def _projected(
        self, index: str, ids: Sequence[str], misfits: Mapping[str, str]
    ) -> tuple[Mapping[str, Indexed], ProjectionAnswer, float]:
        documents = self.index.read(index, ids, ["*"])
        started = self.clock.now()
        answer = self.project(ids, misfits)
        return documents, answer, self.clock.now() - started

    def project(self, ids: Sequence[str], misfits: Mapping[str, str]) -> ProjectionAnswer:
        """Have images projected; halve a batch that the projection dies on, as a run does.

        Args:
            ids: Of the images.
            misfits: The index's fields that may refuse ours: documents are built without.

        Raises:
            StoreUnavailable: The projection has no time, or does not answer.
        """
        try:
            answer = self.projector.project(ids, _NO_RUN, misfits)
        except ProjectorDied as death:
            if len(ids) == 1:
                return ProjectionAnswer(failures={ids[0]: ProjectionDied.of_one_image(death)})
        else:
            if not answer.later:
                return answer
            if len(answer.later) == len(ids):
                raise StoreUnavailable("the projection has no time for any image")
            done = replace(answer, later=())
            return ProjectionAnswer.joined([done, self.project(answer.later, misfits)])
        middle = len(ids) // 2
        halves = [self.project(half, misfits) for half in (ids[:middle], ids[middle:])]
        return ProjectionAnswer.joined(halves)

    def _note(
        self,
        found: RehearsalResult,
        documents: Mapping[str, Indexed],
        answer: ProjectionAnswer,
        mapping: Mapping[str, Any],
    ) -> None:
        found.images += len(answer.images) + len(answer.failures)
        found.requests += answer.requests
        found.bytes_read += answer.bytes_read
        for image_id, failure in answer.failures.items():
            found.note_failure(image_id, failure)
        for image in answer.images:
            standing = documents.get(image.id)
            document = self._document(image.image, standing)
            found.note_refusals(image.id, refusals(document, mapping))
            if standing is None:
                found.new += 1
                continue
            before, after = without_provenance(standing.source), without_provenance(document)
            found.identical += before == after
            found.changes.add(image.id, before, after)

    def _document(self, text: str, standing: Indexed | None) -> dict[str, Any]:
        """Return the document as it would be written: with what only the index holds."""
        if key := key_claimed_by(text):
            text = document_text(json.loads(self.files.get(str(key))))
        document: dict[str, Any] = json.loads(text)
        return (
            with_preserved(document, selected(standing.source, self.preserve))
            if standing
            else document
        )
