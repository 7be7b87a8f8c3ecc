"""The answers of the library's own projection function, with digests and provenance.

An owner's function need only return documents. Their digests and provenance are computed here, in
batch-index, and their form is checked: a digest that the function sent would have to be computed
again to be trusted. See ``docs/projection-contract.md``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from reindex.domain.digest import canonical_json, digest
from reindex.domain.documents import check_document, parse_document
from reindex.domain.failures import Failure, LoaderAnswer
from reindex.domain.projections import Projected, ProjectionAnswer, UnreadableAnswer
from reindex.image.document import with_provenance
from reindex.steps.ambient import Clock
from reindex.steps.claims import CLAIM_ABOVE, claim
from reindex.stores.interfaces.run_files import RunFiles

#: The form of a failure's code: it is a dimension of a metric, and operators type it.
CODE = re.compile("[a-z][a-z0-9_]{0,62}")

_NOT_ANSWERED = "the function does not answer for the image"
_TWICE = "the function answers for the image more than once"


@dataclass(frozen=True, slots=True)
class FunctionAnswers:
    """Reads the answers of the library's own function.

    Attributes:
        stage: The deployment, for the documents' provenance.
        projector: The function that projects.
    """

    files: RunFiles
    stage: str
    projector: str
    clock: Clock

    def read(self, event: Any, ids: Sequence[str], run_id: str) -> ProjectionAnswer:
        """Read an answer; whatever is wrong with one image's part is that image's failure.

        Args:
            event: What the function answered.
            ids: What it was asked for. What it says of others is ignored.
            run_id: The run that asked.

        Raises:
            UnreadableAnswer: It is not of the contract's form as a whole.
            StoreUnavailable: A document that is too large to travel cannot be stored.
        """
        if not isinstance(event, Mapping):
            raise UnreadableAnswer("it is no object")
        images, failures = _by_id(event, "images"), _by_id(event, "failures")
        later = Counter(image_id for image_id in _list(event, "later") if isinstance(image_id, str))
        answer = _Answer()
        for image_id in ids:
            said = [*images.get(image_id, ()), *failures.get(image_id, ())]
            times = len(said) + later[image_id]
            if times != 1:
                problem = LoaderAnswer(_TWICE if times else _NOT_ANSWERED)
                answer.failures[image_id] = problem.as_failure()
            elif not said:
                answer.later.append(image_id)
            else:
                self._add(answer, image_id, said[0], run_id)
        return ProjectionAnswer(answer.images, answer.failures, answer.later)

    def _add(self, answer: _Answer, image_id: str, said: Mapping[str, Any], run_id: str) -> None:
        try:
            if "image" in said:
                answer.images.append(self._projected(image_id, said["image"], run_id))
            else:
                answer.failures[image_id] = _failure(said)
        except LoaderAnswer as problem:
            answer.failures[image_id] = problem.as_failure()

    def _projected(self, image_id: str, image: object, run_id: str) -> Projected:
        document = parse_document(image) if isinstance(image, str) else image
        checked = check_document(document, image_id, names_image=False)
        known_by = digest(checked)
        whole = with_provenance(
            checked,
            digest=known_by,
            run_id=run_id,
            stage=self.stage,
            projected_at=datetime.fromtimestamp(self.clock.now(), UTC),
            projector=self.projector,
        )
        text = canonical_json(whole).decode()
        if len(text) > CLAIM_ABOVE:
            text = claim(self.files, run_id, known_by, text)
        return Projected(image_id, known_by, text)


@dataclass(slots=True)
class _Answer:
    images: list[Projected] = field(default_factory=list)
    failures: dict[str, Failure] = field(default_factory=dict)
    later: list[str] = field(default_factory=list)


def _list(event: Mapping[str, Any], name: str) -> list[Any]:
    found = event.get(name, [])
    if not isinstance(found, list):
        raise UnreadableAnswer(f"{name} is no list")
    return found


def _by_id(event: Mapping[str, Any], name: str) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for entry in _list(event, name):
        if not isinstance(entry, Mapping) or not isinstance(entry.get("id"), str):
            raise UnreadableAnswer(f"{name}: an entry is no object with an id")
        found.setdefault(entry["id"], []).append(entry)
    return found


def _failure(said: Mapping[str, Any]) -> Failure:
    """Read a failure.

    Raises:
        LoaderAnswer: It is not of the contract's form.
    """
    code, message = said.get("code"), said.get("message", "")
    detail, retryable = said.get("detail", ""), said.get("retryable", False)
    if not isinstance(code, str) or not CODE.fullmatch(code):
        raise LoaderAnswer("neither a document nor a failure with a code", str(code))
    if not isinstance(message, str) or not isinstance(detail, str):
        raise LoaderAnswer("the failure's message or detail is no text", code)
    if not isinstance(retryable, bool):
        raise LoaderAnswer("the failure's retryable is neither true nor false", code)
    return Failure(code, message, detail, retryable)
