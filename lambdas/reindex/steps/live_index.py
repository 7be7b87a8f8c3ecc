"""The live lane's last step: bring the documents of images up to date, from the truth of now.

A message names an image and holds no document. The version that the index has is read before the
truth is, and the document is written only if the index still has that version. If another wrote
meanwhile, all of it is done again. So messages may come twice and in any order.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reindex.domain import stamps
from reindex.domain.claim_checks import key_claimed_by
from reindex.domain.document_parts import selected, with_preserved
from reindex.domain.failures import (
    Failure,
    IndexMisconfigured,
    IndexRefused,
    IndexUnavailable,
    OriginalNotFound,
    ProjectionDied,
    ProjectorDied,
    StoreUnavailable,
    UnexpectedError,
)
from reindex.domain.messages import UnreadableMessage
from reindex.domain.preserved import CARRIED
from reindex.domain.progress import iso
from reindex.domain.projections import Projected, ProjectionAnswer
from reindex.domain.provenance import LIVE, PROVENANCE, Indexed
from reindex.domain.submissions import IndexImage, SubmissionRef
from reindex.steps.ambient import Clock, Meter
from reindex.steps.deliveries import GROUP_CHARACTERS, MAX_NOT_TAKEN, Delivery, postpone, set_aside
from reindex.stores.interfaces.index import Index, IndexWrite, Verdict, WriteResult
from reindex.stores.interfaces.projection import Projector
from reindex.stores.interfaces.queues import DeadLetters, Deliveries
from reindex.stores.interfaces.run_files import RunFiles
from reindex.stores.interfaces.submissions import Submissions

log = logging.getLogger(__name__)

#: Times that an image is projected anew because another wrote its document meanwhile.
PASSES = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one image.

    Attributes:
        digest: Of the document that was written; None when none was.
        failure: Why not.
    """

    digest: str | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class LiveIndex:
    """Brings documents up to date.

    Attributes:
        alias: The alias that people search through.
        preserve: Fields (dotted) that the index holds and the truth does not.
    """

    index: Index
    projector: Projector
    files: RunFiles
    alias: str
    preserve: Sequence[str]

    def refresh(self, ids: Sequence[str]) -> Mapping[str, Outcome]:
        """Project images and write their documents, each under its guard.

        Args:
            ids: At most 100, without repetition.

        Returns:
            One outcome per id.

        Raises:
            StoreUnavailable: The index or the projection does not answer at all.
            IndexMisconfigured: The index cannot be used.
        """
        place = self.index.resolve(self.alias)
        uuid = self.index.uuid(place)
        misfits = self.index.misfits(place)
        outcomes: dict[str, Outcome] = {}
        for _ in range(PASSES):
            left = [image_id for image_id in ids if image_id not in outcomes]
            if not left:
                break
            found = self.index.read(place, left, self._kept)
            answer = self._project(left, misfits)
            outcomes |= {i: Outcome(failure=failure) for i, failure in answer.failures.items()}
            later = IndexUnavailable("no time was left to project it").as_failure()
            outcomes |= {image_id: Outcome(failure=later) for image_id in answer.later}
            for image, result in self._written(place, uuid, answer.images, found):
                if result.verdict is not Verdict.CONFLICT:
                    outcomes[image.id] = _outcome(image, result)
        busy = IndexUnavailable("other writers changed the document each time").as_failure()
        return {image_id: outcomes.get(image_id, Outcome(failure=busy)) for image_id in ids}

    @property
    def _kept(self) -> Sequence[str]:
        """The fields that are put back."""
        return [*self.preserve, CARRIED]

    def digests(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Return the digests of the documents that the index holds now, of those that are ours."""
        found = self.index.read(self.index.resolve(self.alias), ids, [PROVENANCE]) if ids else {}
        return {i: each.provenance.digest for i, each in found.items() if each.provenance}

    def _project(self, ids: Sequence[str], misfits: Mapping[str, str]) -> ProjectionAnswer:
        """Project images; when the projection dies, in halves until the culprit is alone."""
        try:
            return self.projector.project(ids, LIVE, misfits)
        except ProjectorDied as death:
            if len(ids) == 1:
                return ProjectionAnswer(failures={ids[0]: ProjectionDied.of_one_image(death)})
        middle = len(ids) // 2
        halves = (ids[:middle], ids[middle:])
        return ProjectionAnswer.joined([self._project(half, misfits) for half in halves])

    def _written(
        self,
        place: str,
        uuid: str,
        images: Sequence[Projected],
        found: Mapping[str, Indexed],
    ) -> Iterator[tuple[Projected, WriteResult]]:
        """Write documents under their guards, no more at once than fit in memory."""
        group: list[tuple[Projected, IndexWrite]] = []
        size = 0
        for number, image in enumerate(images, start=1):
            key = key_claimed_by(image.image)
            text = self.files.get(key).decode() if key else image.image
            group.append((image, self._write(image.id, text, found.get(image.id))))
            size += len(text)
            if size >= GROUP_CHARACTERS or number == len(images):
                results = self.index.write(place, [write for _, write in group], uuid)
                yield from zip((image for image, _ in group), results, strict=True)
                group, size = [], 0

    def _write(self, image_id: str, text: str, found: Indexed | None) -> IndexWrite:
        """Return the write of a document, with what only the index holds put back."""
        document: Mapping[str, Any] = json.loads(text)
        if found:
            document = with_preserved(document, selected(found.source, self._kept))
        return IndexWrite(image_id, found.guard if found else None, document)


def _outcome(image: Projected, result: WriteResult) -> Outcome:
    """Return what a write that met no other writer came to."""
    match result.verdict:
        case Verdict.WRITTEN:
            return Outcome(image.digest)
        case Verdict.REFUSED:
            refused = IndexRefused("the index refused the document", result.reason)
            return Outcome(failure=refused.as_failure())
        case _:
            busy = IndexUnavailable("the index did not take the document", result.reason)
            return Outcome(failure=busy.as_failure())


@dataclass(frozen=True, slots=True)
class LiveMessages:
    """Processes the messages of the high-priority queue."""

    live_index: LiveIndex
    submissions: Submissions
    queue: Deliveries
    dead_letters: DeadLetters
    clock: Clock
    meter: Meter

    def handle(self, deliveries: Sequence[Delivery]) -> list[str]:
        """Bring up to date the images that messages name.

        Args:
            deliveries: Of at most 100 messages.

        Returns:
            The ``message_id`` of each delivery that must come again.
        """
        again: set[str] = set()
        read: dict[str, IndexImage] = {}
        for delivery in deliveries:
            try:
                read[delivery.message_id] = IndexImage.from_json(delivery.body)
            except UnreadableMessage as error:
                if not set_aside(self.dead_letters, delivery.body, str(error)):
                    again.add(delivery.message_id)
        by_image: dict[str, list[Delivery]] = defaultdict(list)
        for delivery in deliveries:
            if message := read.get(delivery.message_id):
                by_image[message.image_id].append(delivery)
        for image_id, outcome in self._refreshed([*by_image]).items():
            about = by_image[image_id]
            refs = [ref for d in about for ref in read[d.message_id].submissions]
            if not self._is_recorded(image_id, outcome, about, refs):
                again |= {delivery.message_id for delivery in about}
        returned = [d for d in deliveries if d.message_id in again]
        if returned:
            self.meter.count("LiveMessagesReturned", len(returned))
            postpone(self.queue, returned)
        return [d.message_id for d in returned]

    def _refreshed(self, ids: Sequence[str]) -> Mapping[str, Outcome]:
        """Refresh images; what fails in an unforeseen way is halved until it is alone."""
        if not ids:
            return {}
        try:
            return self.live_index.refresh(ids)
        except (StoreUnavailable, IndexMisconfigured) as error:
            log.warning("images must wait", extra={"reason": str(error), "count": len(ids)})
            return dict.fromkeys(ids, Outcome())
        except Exception as error:
            if len(ids) > 1:
                middle = len(ids) // 2
                return {**self._refreshed(ids[:middle]), **self._refreshed(ids[middle:])}
            log.exception("unexpected", extra={"image_id": ids[0]})
            unexpected = UnexpectedError(
                "something failed in a way we did not foresee", f"{type(error).__name__}: {error}"
            )
            return {ids[0]: Outcome(failure=unexpected.as_failure())}

    def _is_recorded(
        self,
        image_id: str,
        outcome: Outcome,
        deliveries: Sequence[Delivery],
        refs: Sequence[SubmissionRef],
    ) -> bool:
        """Record an image's outcome in the rows that wait for it; False when it must come again."""
        failure = outcome.failure
        is_old = all(d.receive_count >= MAX_NOT_TAKEN for d in deliveries)
        if outcome.digest is None and (failure is None or (failure.retryable and not is_old)):
            return False
        extra = {"image_id": image_id, "submission": ",".join(ref.id for ref in refs)}
        try:
            if failure and failure.code == OriginalNotFound.code and not refs:
                # A row about an image that was never archived, or is deleted: a run decides.
                log.info("it has no original", extra=extra)
            elif failure is None:
                self._mark_searchable(refs)
                self.meter.count("LiveImagesIndexed")
                log.info("indexed", extra=extra)
            else:
                self._mark_failed(refs, failure)
                self.meter.count("LiveImagesFailed")
                log.error("not indexed", extra=extra | {"code": failure.code})
        except StoreUnavailable as error:
            log.warning("an outcome cannot be recorded", extra=extra | {"reason": str(error)})
            return False
        except Exception:
            # The edge of one image's work: its messages come again, at last as dead letters.
            log.exception("unexpected", extra=extra)
            return False
        return True

    def _mark_searchable(self, refs: Sequence[SubmissionRef]) -> None:
        now = self.clock.now()
        for ref in refs:
            row = self.submissions.mark_searchable(ref, iso(now))
            submitted_at = stamps.parse(row.submitted_at) if row else None
            if submitted_at is not None:
                self.meter.seconds("SecondsToSearchable", max(0.0, now - submitted_at))

    def _mark_failed(self, refs: Sequence[SubmissionRef], failure: Failure) -> None:
        for ref in refs:
            row = self.submissions.read(ref)
            if row and not row.searchable_at:
                self.submissions.write(row.failed(failure, self.clock.now()), row)
