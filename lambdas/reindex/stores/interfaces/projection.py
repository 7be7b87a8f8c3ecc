"""The programs that build documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from reindex.domain.records import ProjectionAnswer


class Projector(Protocol):
    """The image-projection lambda, as batch-index sees it."""

    def project(
        self, ids: Sequence[str], run_id: str, misfits: Mapping[str, str] | None = None
    ) -> ProjectionAnswer:
        """Have documents built, without what an index's ``misfits`` would refuse.

        Raises:
            ProjectorDied: The lambda died on this batch.
        """
        ...


class Loader(Protocol):
    """The library's own image loader: it answers with an image's document."""

    @property
    def requests(self) -> int:
        """How many images may be asked for at once."""
        ...

    def load(self, image_id: str) -> dict[str, Any]:
        """Ask for an image's document; that it is a JSON object is all that is checked of it.

        Raises:
            OriginalNotFound: The loader knows no such image.
            LoaderRefused: It refuses this one.
            LoaderAnswer: What it answered is no JSON object, or too large.
            SourceUnavailable: It did not answer, or failed.
            NoTimeLeft: Too little time is left to wait for its answer.
        """
        ...
