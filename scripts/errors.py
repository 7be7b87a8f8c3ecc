"""The failures of the command: one line on stderr and an exit status."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from reindex.text import printable, printable_lines

from .exit_status import INTERRUPTED
from .session import Session


class Findings(click.ClickException):
    """A failure for several reasons, each on a line of its own.

    Args:
        what: What failed.
        findings: The reasons; a line break inside of one is shown, and begins no line.
    """

    def __init__(self, what: str, findings: Iterable[str]) -> None:
        super().__init__("\n".join((f"{what}:", *(f"  {printable(each)}" for each in findings))))


class ErrorHandlingGroup(click.Group):
    """A group of verbs that reports every failure as one line, and never as a traceback.

    Wrong usage exits 2, a failed operation 1, an interrupted one 130. With ``--debug`` the
    traceback is in the log.
    """

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the group's own options."""
        try:
            return super().make_context(*args, **extra)
        except click.ClickException as error:
            _make_printable(error)
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb."""
        session = ctx.ensure_object(Session)
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort):
            message = printable(session.interrupt_message())
            click.echo(f"Interrupted: {message}.", err=True)
            for line in session.interrupt_notes():
                click.echo(printable(line), err=True)
            ctx.exit(INTERRUPTED)
        except click.ClickException as error:
            _make_printable(error)
            raise
        except (click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception as error:
            if session.debug:
                _log_traceback(error)
            raise click.ClickException(explained(error)) from error


def explained(error: Exception) -> str:
    """Return one printable line that tells people why an operation failed."""
    # Imported when something failed: help and wrong usage need neither.
    from botocore.exceptions import BotoCoreError, ClientError

    from reindex.domain.failures import InternalFailure, ReindexFailure
    from reindex.settings import SettingsError

    if isinstance(error, ReindexFailure):
        detail = f" ({error.detail})" if error.detail else ""
        text = f"{error.code}: {error.message}{detail}"
    # Their messages are written for people; an OSError is a local file's.
    elif isinstance(error, InternalFailure | SettingsError | BotoCoreError | ClientError | OSError):
        text = str(error)
    else:
        text = f"unexpected {type(error).__name__}: {error} (--debug shows where)"
    return printable(" ".join(text.split()))


def _make_printable(error: click.ClickException) -> None:
    """Give an exception that is about to be shown a message without control characters."""
    # click itself breaks lines of what it says about arguments.
    has_lines = isinstance(error, click.UsageError | Findings)
    shown = printable_lines if has_lines else printable
    # click declares it final, and has no other place for it to be changed.
    error.message = shown(error.message)  # type: ignore[misc]


def _log_traceback(error: Exception) -> None:
    import logging

    logging.getLogger("reindex").error("%s", type(error).__name__, exc_info=error)
