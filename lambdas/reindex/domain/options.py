"""The options of a run: the source of its ids, and how it treats them.

They are the input of the execution. The ``start`` verb, the stage's schedule or a person in the
console gives them.
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

#: Characters of a query that the run record stores; of a longer query it stores the length.
MAX_QUERY = 500

#: For each option that only one kind of source has: that kind.
_OWN = {"query": INDEX, "lacking": INDEX, "key": FILE, "surplus": CHANGES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The source of the ids of a run.

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
    """The options of a run.

    Attributes:
        source: Of its ids.
        limit: Most ids that it takes from the source; None for all.
        only_new: True to skip images that already have a final state.
        skip_unchanged: True to skip the write if the index holds the projected document.
        budget: US dollars: the run is throttled while its estimated total cost is higher.
        migration: The migration that the run is a round of; None for an ordinary run.
        scan: True if the Tally scans the table also at the end of a round that brings only changes.
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
        """True if the run brings only changes, and ends without a scan of the table."""
        return self.source.kind == CHANGES and not self.scan

    def problems(self) -> Iterator[str]:
        """Yield the contradictions among options that each have the right type."""
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
        """Return the options as :meth:`of` reads them, without those that have their default."""
        said: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(RunOptions)}
        said["source"] = {n: value for n, value in asdict(self.source).items() if value is not None}
        return {name: value for name, value in said.items() if value}

    def as_recorded(self) -> str:
        """Return the options as JSON text for the run record: a long query only by its length.

        The record is written by every tick and for every bulk, and a write costs by its size.
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
            SettingsError: Names each option that is unknown, mistyped or contradictory.
        """
        where = "the run's input"
        options = read(cls, raw, where)
        if problems := list(options.problems()):
            raise SettingsError(f"{where}: {'; '.join(problems)}")
        return options


def source_in_words(options: Mapping[str, Any]) -> str:
    """Return a description of the source of a run's ids.

    Args:
        options: From :meth:`RunOptions.as_input`.
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
    """Return a description of a run's other options; empty if it has none.

    Args:
        options: From :meth:`RunOptions.as_input`.
    """
    words = [
        f"at most {options['limit']:,} ids" if options.get("limit") else "",
        "only new ids" if options.get("only_new") else "",
        "unchanged documents left unwritten" if options.get("skip_unchanged") else "",
        f"a budget of ${options['budget']:,.2f}" if options.get("budget") else "",
    ]
    return ", ".join(word for word in words if word)
