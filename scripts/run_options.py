"""The options of a run, as options of a verb."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from reindex.domain.source_kinds import FILE, SOURCES, TABLE, UPLOADS

from .options import with_options

if TYPE_CHECKING:
    from reindex.domain.options import RunOptions


def json_object(text: str) -> Mapping[str, Any]:
    """Return an option's JSON object.

    Raises:
        BadParameter: It is none.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"this is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise click.BadParameter("this is no JSON object")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options as they were given.

    Attributes:
        source: Kind of the source.
        query: Of the index's documents.
        lacking: A field that the index's documents lack.
        file: Path of a file of ids, or ``-``.
        limit: Most ids.
        only_new: True if finished images are left as they are.
        skip_unchanged: True if documents that would not change are left unwritten.
        lower: True if the file's ids are turned to lower case.
        budget: US dollars.
    """

    source: str
    query: Mapping[str, Any] | None
    lacking: str | None
    file: str | None
    limit: int | None
    only_new: bool
    skip_unchanged: bool
    lower: bool
    budget: float | None

    def options(self, run_id: str) -> RunOptions:
        """Return the options of a run; its file, if it has one, has the run's name."""
        from reindex.domain.options import RunOptions, Source

        key = f"{UPLOADS}{run_id}.txt" if self.file else None
        return RunOptions(
            source=Source(kind=self.source, query=self.query, lacking=self.lacking, key=key),
            limit=self.limit,
            only_new=self.only_new,
            skip_unchanged=self.skip_unchanged,
            budget=self.budget,
        )

    def require_consistent(self) -> None:
        """Check the options before anything is connected.

        Raises:
            UsageError: They contradict each other.
        """
        if (self.source == FILE) != (self.file is not None):
            raise click.UsageError("--source file and --file go together")
        if self.lower and self.file is None:
            raise click.UsageError("--lower needs --source file")
        if problems := list(self.options("any").problems()):
            raise click.UsageError("; ".join(problems))


_OPTIONS = (
    click.option(
        "--source",
        type=click.Choice(SOURCES),
        default=TABLE,
        show_default=True,
        help="Where the ids come from: what is queued already, all originals, documents of the "
        "index, or a file.",
    ),
    click.option(
        "--query",
        type=json_object,
        metavar="JSON",
        help="Of the index, the documents that match, in the cluster's query language.",
    ),
    click.option(
        "--lacking", metavar="FIELD", help="Of the index, the documents without this field."
    ),
    click.option("--file", metavar="PATH|-", help="The file, one id per line; - is stdin."),
    click.option("--lower", is_flag=True, help="Turn all ids of the file to lower case."),
    click.option(
        "--limit",
        type=click.IntRange(min=1),
        metavar="N",
        help="Take at most so many ids from the source.",
    ),
    click.option(
        "--only-new", is_flag=True, help="Leave images that were finished before as they are."
    ),
    click.option(
        "--skip-unchanged",
        is_flag=True,
        help="Leave a document unwritten that is what was just projected.",
    ),
    click.option(
        "--budget",
        type=click.FloatRange(min=0, min_open=True),
        metavar="DOLLARS",
        help="Hold the run while it is estimated to cost more than this to its end.",
    ),
)


def run_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options of a run, as its argument ``asked``."""

    @wraps(verb)
    def call(*args: Any, **given: Any) -> Any:
        asked = Asked(**{name: given.pop(name) for name in Asked.__dataclass_fields__})
        asked.require_consistent()
        return verb(*args, asked=asked, **given)

    return with_options(call, _OPTIONS)
