"""The answer of image-projection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from reindex.domain.failures import Failure


class UnreadableAnswer(ValueError):
    """The projection's answer has another form, or is about other ids than those requested."""


@dataclass(frozen=True, slots=True)
class Projected:
    """One image's projection: its digest, and its document or claim check as JSON text."""

    id: str
    digest: str
    image: str


@dataclass(frozen=True, slots=True)
class ProjectionAnswer:
    """The projection lambda's answer. Each requested id is in one of the first three.

    Attributes:
        images: The documents.
        failures: By id, why there is no document.
        later: Ids that there was no time for. They have not failed, and are requested again.
        bytes_read: Of originals.
        requests: To the originals bucket.
    """

    images: Sequence[Projected] = ()
    failures: Mapping[str, Failure] = field(default_factory=dict)
    later: Sequence[str] = ()
    bytes_read: int = 0
    requests: int = 0

    @classmethod
    def joined(cls, answers: Sequence[ProjectionAnswer]) -> Self:
        """Return the answers to parts of a batch as one answer."""
        return cls(
            images=[image for answer in answers for image in answer.images],
            failures={id_: f for answer in answers for id_, f in answer.failures.items()},
            later=[id_ for answer in answers for id_ in answer.later],
            bytes_read=sum(answer.bytes_read for answer in answers),
            requests=sum(answer.requests for answer in answers),
        )

    def to_event(self) -> dict[str, Any]:
        """Return the JSON object that the lambda returns."""
        return {
            "images": [asdict(image) for image in self.images],
            "failures": [{"id": id_, **asdict(f)} for id_, f in self.failures.items()],
            "later": [*self.later],
            "bytesRead": self.bytes_read,
            "requests": self.requests,
        }

    @classmethod
    def from_event(cls, event: Any, ids: Sequence[str]) -> Self:
        """Read the lambda's answer.

        Args:
            event: The JSON object that it returned.
            ids: The requested ids.

        Raises:
            UnreadableAnswer: It is not of our form, or does not answer for exactly those ids.
        """
        try:
            answer = cls(
                images=[Projected(i["id"], i["digest"], i["image"]) for i in event["images"]],
                failures={
                    f["id"]: Failure(f["code"], f["message"], f["detail"], f["retryable"])
                    for f in event["failures"]
                },
                later=tuple(event.get("later", ())),
                bytes_read=event["bytesRead"],
                requests=event["requests"],
            )
            texts = [t for i in answer.images for t in (i.id, i.digest, i.image)]
            texts += [*answer.later, *(f.code for f in answer.failures.values())]
            numbers = [answer.bytes_read, answer.requests]
        except (TypeError, KeyError, AttributeError) as error:
            raise UnreadableAnswer(f"{type(error).__name__}: {error}") from error
        if not all(isinstance(text, str) for text in texts):
            raise UnreadableAnswer("an id, a digest, an image or a code is no text")
        if not all(type(number) is int for number in numbers):
            raise UnreadableAnswer("bytesRead or requests is no number")
        answered = [*(i.id for i in answer.images), *answer.failures, *answer.later]
        if sorted(answered) != sorted(ids):
            raise UnreadableAnswer("it does not answer for exactly the ids it was asked for")
        return answer
