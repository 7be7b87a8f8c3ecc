"""The command's log, which ``--debug`` shows on stderr."""

from __future__ import annotations

import logging
from types import TracebackType

from reindex.text import printable


class PrintableFormatter(logging.Formatter):
    """Formats a record so that no text in it can end its line or reach the terminal as control.

    A traceback's lines are indented: none of them can pass for a record of its own.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """Format the record's line."""
        return printable(super().formatMessage(record))

    def formatException(  # noqa: N802 (logging's name)
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        """Format the traceback below it."""
        return _indented(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 (logging's name)
        """Format the stack below it."""
        return _indented(super().formatStack(stack_info))


def show_log() -> None:
    """Write everything that is logged to stderr, from level INFO on."""
    handler = logging.StreamHandler()
    handler.setFormatter(PrintableFormatter(logging.BASIC_FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def hide_log() -> None:
    """Keep Python from printing warnings by itself: what matters is printed or raised."""
    logging.getLogger().addHandler(logging.NullHandler())


def _indented(text: str) -> str:
    return "\n".join(f"  {printable(line)}" for line in text.split("\n"))
