"""The programs that build documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from reindex.domain.projections import ProjectionAnswer


class Projector(Protocol):
    """The image-projection lambda, as batch-index sees it."""

    def project(
        self, ids: Sequence[str], run_id: str, misfits: Mapping[str, str] | None = None
    ) -> ProjectionAnswer:
        """Have documents built, without the values that an index's ``misfits`` would reject.

        Raises:
            ProjectorDied: The lambda failed on this batch.
        """
        ...


class Loader(Protocol):
    """The library's own image loader, which returns documents."""

    @property
    def requests(self) -> int:
        """Most concurrent requests."""
        ...

    def load(self, image_id: str) -> dict[str, Any]:
        """Request an image's document; check only that it is a JSON object.

        Raises:
            OriginalNotFound: The loader knows no such image.
            LoaderRefused: It rejects the request for this image.
            LoaderAnswer: Its answer is not a JSON object, or too large.
            SourceUnavailable: It did not answer, or failed.
            NoTimeLeft: Too little time is left to wait for its answer.
        """
        ...
