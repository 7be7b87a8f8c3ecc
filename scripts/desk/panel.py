"""A panel of the desk: it keeps what was read for some seconds, and shows failures as its state."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final, Generic, TypeVar

from reindex.reports.markup import Markup

from ..errors import explained
from .views import BAD, notice

Data = TypeVar("Data")

#: Seconds until a panel that could not be read is read again.
RETRY_SECONDS: Final = 15.0

#: Seconds for which not even a request to refresh reads again.
_LEAST_SECONDS: Final = 1.0

#: Seconds between polls of a page, at most: a reading that is forgotten is then read again.
_POLL_SECONDS: Final = 30.0

#: Part of its time after which a reading is old: the poll at its end must find it so.
_OLD: Final = 0.8

#: For what is read only when the operator asks for it.
ON_REQUEST: Final = 0.0

#: Seconds for which that is kept, if the operator does not ask for it again.
_ON_REQUEST_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Fragment:
    """A panel as it is now.

    Attributes:
        html: What it shows.
        poll_seconds: When to poll for it again; :data:`ON_REQUEST` for not by itself.
    """

    html: Markup
    poll_seconds: float


class Panel(Generic[Data]):
    """Reads, keeps and shows one thing. Several pages at once cost no more than one.

    Args:
        read: Returns the data; may raise anything.
        view: Shows the data.
        keep_seconds: Returns for how long the data is kept; or :data:`ON_REQUEST`.
        now: Returns seconds that only grow.
    """

    def __init__(
        self,
        read: Callable[[], Data],
        view: Callable[[Data], Markup],
        keep_seconds: Callable[[Data], float],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._view = view
        self._keep_seconds = keep_seconds
        self._now = now
        self._lock = Lock()
        self._kept: Fragment | None = None
        self._read_at = 0.0
        self._old_at = 0.0

    def fragment(self, *, refresh: bool = False) -> Fragment:
        """Return the panel.

        Args:
            refresh: Read again, although what is kept has not expired.
        """
        with self._lock:
            if self._kept is None or self._is_old(refresh=refresh):
                self._kept = self._fresh()
            return self._kept

    def forget(self) -> None:
        """Read again the next time: something was changed."""
        with self._lock:
            self._kept = None

    def _is_old(self, *, refresh: bool) -> bool:
        now = self._now()
        return now >= (self._read_at + _LEAST_SECONDS if refresh else self._old_at)

    def _fresh(self) -> Fragment:
        try:
            data = self._read()
            html, keep_seconds = self._view(data), self._keep_seconds(data)
        except Exception as error:  # noqa: BLE001 - whatever failed is the panel's state
            html, keep_seconds = failed(explained(error)), RETRY_SECONDS
        self._read_at = self._now()
        self._old_at = self._read_at + _OLD * (keep_seconds or _ON_REQUEST_SECONDS)
        return Fragment(html, min(keep_seconds, _POLL_SECONDS))


def failed(reason: str, *, is_tried_again: bool = True) -> Markup:
    """Return the view of something that could not be read."""
    again = ["It is tried again by itself."] if is_tried_again else []
    return notice(BAD, "This could not be read.", reason, *again)
