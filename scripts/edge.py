"""The edge of the command: every failure becomes one line on stderr and an exit status."""

from __future__ import annotations

from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from reindex.failures import InternalFailure, ReindexFailure
from reindex.settings import SettingsError
from scripts.main import INTERRUPTED
from scripts.session import Session

#: Failures whose message is made for people; OSError is a local file's.
_EXPLAINED = (InternalFailure, SettingsError, BotoCoreError, ClientError, OSError)


class Edge(click.Group):
    """A group of verbs whose failures never show a traceback, unless asked for.

    Wrong usage exits 2, a failed operation 1, an interrupted one 130.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb."""
        session = ctx.ensure_object(Session)
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort):
            click.echo(f"Interrupted: {session.standing()}.", err=True)
            ctx.exit(INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception as error:
            if session.debug:
                raise
            raise click.ClickException(explained(error)) from error


def explained(error: Exception) -> str:
    """One line for people about a failure."""
    if isinstance(error, ReindexFailure):
        detail = f" ({error.detail})" if error.detail else ""
        text = f"{error.code}: {error.message}{detail}"
    elif isinstance(error, _EXPLAINED):
        text = str(error)
    else:
        text = f"unexpected {type(error).__name__}: {error} (--debug shows where)"
    return " ".join(text.split())
