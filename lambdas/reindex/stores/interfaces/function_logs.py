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
        function: By its handler's module.
        values: What the line says.
    """

    at: float
    function: str
    values: Mapping[str, Any]


class FunctionLog(Protocol):
    """What the functions log."""

    def search(self, text: str, since: float) -> Iterator[LoggedLine]:
        """Yield the structured lines of all functions that hold a text, in no order.

        Args:
            text: A word, as an id or a key.
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
    """What the functions logged, as far as it can be read in a bounded time."""

    def search_within(self, text: str, since: float, until: float, seconds: float) -> FoundLines:
        """Return the structured lines of all functions that hold a text.

        Args:
            text: A word, as an id or a key.
            since: Epoch seconds; older lines are left out.
            until: Epoch seconds; later lines are left out.
            seconds: How long the search may take; a log that is not read by then is unread.
        """
        ...
