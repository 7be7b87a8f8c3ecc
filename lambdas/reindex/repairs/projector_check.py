"""A check that a projector fulfils the contract of ``docs/projection-contract.md``.

For owners of a function of their own or of an image loader. Nothing is written to the index, the
progress table or the queue.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from reindex.domain.claim_checks import key_claimed_by
from reindex.domain.failures import (
    Failure,
    LoaderAnswer,
    OriginalNotFound,
    ProjectorDied,
    UnexpectedError,
)
from reindex.domain.projections import ProjectionAnswer
from reindex.image.refusals import refusals
from reindex.reports.footprint import PROJECTION_BATCH
from reindex.steps.ambient import Clock
from reindex.stores.interfaces.index import Index
from reindex.stores.interfaces.projection import Projector
from reindex.stores.interfaces.run_files import RunFiles
from reindex.text import counted

#: Seconds within which one call must be answered: batch-index begins none with less time left.
SECONDS: Final = 30.0

ABSENT: Final = "image-reindex-absent"

#: An id may be any text. A projector that has no such image must answer so, and not fail.
ODD: Final = "../..//a?b=c&d#e%2F%00 é\u202e\"'{id}"

#: Images that are asked for one by one.
_SINGLE: Final = 5

#: The run that the documents' provenance names.
_RUN: Final = "check-projector"

#: Codes with which a projector says that it broke, and not that an image did.
_BROKEN: Final = {LoaderAnswer.code, UnexpectedError.code}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one demand.

    Attributes:
        demand: What must hold.
        holds: True if it does.
        detail: What was seen, for people; may be empty.
    """

    demand: str
    holds: bool
    detail: str = ""


@dataclass(slots=True)
class ProjectorCheck:
    """Asks a projector for documents, and says what holds.

    Attributes:
        files: Where documents wait that are too large to travel.
        index: The concrete index that the documents are for.
    """

    projector: Projector
    files: RunFiles
    clock: Clock
    search: Index
    index: str
    _digests: dict[str, str] = field(default_factory=dict)

    def findings(self, ids: Sequence[str]) -> Iterator[Finding]:
        """Make every demand, one after the other.

        Args:
            ids: Of images whose originals exist; at least one.

        Raises:
            StoreUnavailable: The projector cannot be called at all, or the index does not answer.
        """
        misfits = self.search.misfits(self.index)
        yield self._documents("documents of single images", [[i] for i in ids[:_SINGLE]], misfits)
        yield self._full_batch(ids, misfits)
        yield self._repeatable(ids, misfits)
        yield self._absent(misfits)
        yield self._odd(ids[0], misfits)
        yield self._accepted(ids, misfits)

    def _ask(
        self, ids: Sequence[str], misfits: Mapping[str, str]
    ) -> tuple[ProjectionAnswer, str, float]:
        """Return the answer, of what the projector died if it did, and the seconds it took."""
        started = self.clock.now()
        try:
            answer, death = self.projector.project(ids, _RUN, misfits), ""
        except ProjectorDied as error:
            answer, death = ProjectionAnswer(), f"it died: {error}"
        return answer, death, self.clock.now() - started

    def _documents(
        self, demand: str, batches: Sequence[Sequence[str]], misfits: Mapping[str, str]
    ) -> Finding:
        images = 0
        failures: dict[str, Failure] = {}
        for batch in batches:
            answer, death, _ = self._ask(batch, misfits)
            if death:
                return Finding(demand, holds=False, detail=death)
            images += len(answer.images)
            failures |= answer.failures
            self._digests |= {image.id: image.digest for image in answer.images}
        return Finding(demand, images > 0 and not _broken(failures), _seen(images, failures))

    def _full_batch(self, ids: Sequence[str], misfits: Mapping[str, str]) -> Finding:
        batch = [*ids[:PROJECTION_BATCH]]
        batch += [f"{ABSENT}-{number}" for number in range(PROJECTION_BATCH - len(batch))]
        answer, death, seconds = self._ask(batch, misfits)
        seen = death or _seen(len(answer.images), answer.failures)
        if answer.later:
            seen += f", {len(answer.later)} left for later"
        done = len(answer.images) + len(answer.failures)
        return Finding(
            f"{PROJECTION_BATCH} images in one call, within {SECONDS:.0f} s",
            not death and done > 0 and not _broken(answer.failures) and seconds <= SECONDS,
            f"{seen}; {seconds:.1f} s",
        )

    def _repeatable(self, ids: Sequence[str], misfits: Mapping[str, str]) -> Finding:
        demand = "the same document each time, so that its digest says whether anything changed"
        answer, death, _ = self._ask(ids[:_SINGLE], misfits)
        differing = [
            image.id
            for image in answer.images
            if self._digests.get(image.id, image.digest) != image.digest
        ]
        seen = death or (f"two digests of {differing[0]}" if differing else "")
        return Finding(demand, not death and not differing, seen)

    def _absent(self, misfits: Mapping[str, str]) -> Finding:
        answer, death, _ = self._ask([ABSENT], misfits)
        code = _code_of(answer, ABSENT)
        return Finding(
            f"{OriginalNotFound.code} for an image that does not exist",
            code == OriginalNotFound.code,
            death or f"{ABSENT}: {code}",
        )

    def _odd(self, sound: str, misfits: Mapping[str, str]) -> Finding:
        answer, death, _ = self._ask([ODD, sound], misfits)
        code = _code_of(answer, ODD)
        # Another demand checks the neighbour's document; here it must only not have become worse.
        neighbour = _code_of(answer, sound)
        return Finding(
            "a failure with a code for an odd id, and its neighbour unharmed",
            not death
            and code not in ("a document", *_BROKEN)
            and (neighbour == "a document" or sound not in self._digests),
            death or f"{code}; its neighbour: {neighbour}",
        )

    def _accepted(self, ids: Sequence[str], misfits: Mapping[str, str]) -> Finding:
        answer, death, _ = self._ask(ids[:PROJECTION_BATCH], misfits)
        mapping = self.search.mapping(self.index)
        refused: Counter[str] = Counter()
        for image in answer.images:
            refused.update(set(refusals(self._document(image.image), mapping)))
        seen = "; ".join(f"{why} ({count})" for why, count in refused.most_common(5))
        return Finding(
            f"documents that the mapping of {self.index} takes",
            bool(answer.images) and not refused,
            death or seen or counted(len(answer.images), "document"),
        )

    def _document(self, text: str) -> dict[str, Any]:
        key = key_claimed_by(text)
        found: dict[str, Any] = json.loads(self.files.get(key) if key else text)
        return found


def _broken(failures: Mapping[str, Failure]) -> bool:
    return any(failure.code in _BROKEN for failure in failures.values())


def _code_of(answer: ProjectionAnswer, image_id: str) -> str:
    if image_id in answer.failures:
        return answer.failures[image_id].code
    return "left for later" if image_id in answer.later else "a document"


def _seen(images: int, failures: Mapping[str, Failure]) -> str:
    by_code: dict[str, list[Failure]] = {}
    for failure in failures.values():
        by_code.setdefault(failure.code, []).append(failure)
    parts = [counted(images, "document")]
    parts += [
        f"{len(found)} {code} ({found[0].message})"
        if code != OriginalNotFound.code
        else f"{len(found)} {code}"
        for code, found in sorted(by_code.items())
    ]
    return ", ".join(parts)
