"""The log groups of the functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class LoggedLine:
    """A line of a function's log.

    Attributes:
        at: Epoch seconds.
        function: Name of its handler's module.
        values: Of the structured line.
    """

    at: float
    function: str
    values: Mapping[str, Any]


class FunctionLog(Protocol):
    """The functions' logs."""

    def search(self, text: str, since: float) -> Iterator[LoggedLine]:
        """Yield the structured lines of all functions that contain a text, in no order.

        Args:
            text: A word, such as an id or a key.
            since: Epoch seconds.
        """
        ...


@dataclass(frozen=True, slots=True)
class FoundLines:
    """Lines of the functions' logs.

    Attributes:
        lines: In order of time.
        unread: The functions whose log could not be read, or not to its end, and why.
    """

    lines: Sequence[LoggedLine] = ()
    unread: Mapping[str, str] = field(default_factory=dict)


class BoundedLogSearch(Protocol):
    """A search of the functions' logs that takes a bounded time."""

    def search_within(self, text: str, since: float, until: float, seconds: float) -> FoundLines:
        """Return the structured lines of all functions that contain a text.

        Args:
            text: A word, such as an id or a key.
            since: Epoch seconds; older lines are left out.
            until: Epoch seconds; later lines are left out.
            seconds: Time for the search; a log that is not read to its end by then is ``unread``.
        """
        ...
