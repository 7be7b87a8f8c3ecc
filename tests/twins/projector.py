"""The projection lambda, in memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence

from reindex.digest import digest
from reindex.failures import Failure, ProjectorDied
from reindex.records import Projected, ProjectionAnswer
from reindex.stores.interfaces import Projector
from tests.twins.outages import Outages


def plain(image_id: str) -> Projected | Failure:
    """Project any image to a document that holds its id."""
    document = {"id": image_id}
    return Projected(image_id, digest(document), json.dumps(document))


class MemoryProjector(Outages, Projector):
    """The twin of ``LambdaProjector``; safe to call from several threads.

    Args:
        project_one: What becomes of each image.

    Attributes:
        deadly: Ids that kill the lambda, whatever else is in the batch.
        calls: The ids of every call.
        misfits: Of the last call.
    """

    def __init__(self, project_one: Callable[[str], Projected | Failure] = plain) -> None:
        super().__init__()
        self._project_one = project_one
        self._lock = threading.Lock()
        self.deadly: set[str] = set()
        self.calls: list[tuple[str, ...]] = []
        self.misfits: dict[str, str] = {}

    def project(
        self, ids: Sequence[str], run_id: str, misfits: Mapping[str, str] | None = None
    ) -> ProjectionAnswer:
        with self._lock:
            self.calls.append(tuple(ids))
            self.misfits = dict(misfits or {})
            self.answer()
        if self.deadly.intersection(ids):
            raise ProjectorDied("Runtime.OutOfMemory: this twin was told to die")
        images: list[Projected] = []
        failures: dict[str, Failure] = {}
        for image_id in ids:
            match self._project_one(image_id):
                case Failure() as failure:
                    failures[image_id] = failure
                case image:
                    images.append(image)
        return ProjectionAnswer(images, failures, bytes_read=1_000 * len(ids), requests=len(ids))
