"""What a run may be told: where its ids come from, and how it treats them.

It is the input of the execution, whoever starts it: the ``start`` verb, the stage's schedule, or
a person in the console.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from reindex.domain.source_kinds import CHANGES, FILE, INDEX, SOURCES, TABLE, UPLOADS
from reindex.settings import SettingsError
from reindex.strict_json import read

#: Characters of a query that the run record keeps.
MAX_QUERY = 500

#: The settings of a source that belong to one kind alone.
_OWN = {"query": INDEX, "lacking": INDEX, "key": FILE, "surplus": CHANGES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the ids of a run come from.

    Attributes:
        kind: One of :data:`SOURCES`, or :data:`CHANGES`.
        query: Of ``index``: the documents that match it, in the cluster's query language.
        lacking: Of ``index``: the documents without this field.
        key: Of ``file``: its key, below :data:`UPLOADS`.
        surplus: Of ``changes``: also the documents that only the target has.
    """

    kind: str = TABLE
    query: Mapping[str, Any] | None = None
    lacking: str | None = None
    key: str | None = None
    surplus: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a run may be told.

    Attributes:
        source: Where its ids come from.
        limit: How many ids it takes from there at most.
        only_new: Whether images that were finished before are left as they are.
        skip_unchanged: Whether a document that is what was just projected is left unwritten.
        budget: US dollars: the run is held while it is estimated to cost more to its end.
        migration: The migration that the run is a round of; None for an ordinary run.
        scan: Whether a round that has only what changed ends with the Tally's scan all the same.
    """

    source: Source = field(default_factory=Source)
    limit: int | None = None
    only_new: bool = False
    skip_unchanged: bool = False
    budget: float | None = None
    migration: str | None = None
    scan: bool = False

    @property
    def is_partial(self) -> bool:
        """Whether the run has only what changed, and ends without a scan of the table."""
        return self.source.kind == CHANGES and not self.scan

    def problems(self) -> Iterator[str]:
        """What is wrong with options that are each of the right type."""
        source = self.source
        if source.kind == CHANGES and self.migration is None:
            yield f"the source {CHANGES} is for rounds of a migration"
        if source.kind not in (*SOURCES, CHANGES):
            yield f"source.kind must be one of {', '.join(SOURCES)}"
            return
        for name, kind in _OWN.items():
            if getattr(source, name) is not None and source.kind != kind:
                yield f"source.{name} is for the source {kind}"
        if source.kind == FILE and not (source.key or "").startswith(UPLOADS):
            yield f"source.key must begin with {UPLOADS}"
        if source.kind == TABLE and (self.limit is not None or self.only_new):
            yield "limit and only_new need another source than table"
        if self.limit is not None and self.limit < 1:
            yield "limit must be at least 1"
        if self.budget is not None and not 0 < self.budget < math.inf:
            yield "budget must be an amount of dollars"

    def as_input(self) -> dict[str, Any]:
        """The options as :meth:`of` reads them, without what goes without saying."""
        said: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(RunOptions)}
        said["source"] = {n: value for n, value in asdict(self.source).items() if value is not None}
        return {name: value for name, value in said.items() if value}

    def as_recorded(self) -> str:
        """The options as the run record keeps them, in JSON text: a long query by its length.

        The record is written with every tick and every bulk, and each write costs by its size.
        """
        said = self.as_input()
        query = json.dumps(said["source"].get("query"), ensure_ascii=False)
        if len(query) > MAX_QUERY:
            said["source"]["query"] = f"a query of {len(query):,} characters"
        return json.dumps(said)

    @classmethod
    def of(cls, raw: Any) -> RunOptions:
        """Read the input of an execution.

        Raises:
            SettingsError: Names what is unknown, mistyped or contradictory.
        """
        where = "the run's input"
        options = read(cls, raw, where)
        if problems := list(options.problems()):
            raise SettingsError(f"{where}: {'; '.join(problems)}")
        return options


def source_in_words(options: Mapping[str, Any]) -> str:
    """Return where a run took its ids from, for people.

    Args:
        options: As :meth:`RunOptions.as_input` says them.
    """
    source = options.get("source", {})
    match source.get("kind", TABLE):
        case "bucket":
            return "all originals"
        case "file":
            return "a list of ids"
        case "index":
            parts = []
            query = source.get("query")
            if query is not None:
                said = query if isinstance(query, str) else json.dumps(query, ensure_ascii=False)
                parts.append(f"that match {said}")
            if source.get("lacking"):
                parts.append(f"without {source['lacking']}")
            return " ".join(["documents of the index", " and ".join(parts)]).strip()
        case _:
            return "what was queued"


def options_in_words(options: Mapping[str, Any]) -> str:
    """Return how a run treated its ids, for people; empty when it had no options.

    Args:
        options: As :meth:`RunOptions.as_input` says them.
    """
    words = [
        f"at most {options['limit']:,} ids" if options.get("limit") else "",
        "only new ids" if options.get("only_new") else "",
        "unchanged documents left unwritten" if options.get("skip_unchanged") else "",
        f"a budget of ${options['budget']:,.2f}" if options.get("budget") else "",
    ]
    return ", ".join(word for word in words if word)
