"""The failures of a run, grouped by what they have in common, and the command for each. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reindex.domain.tally import Kind
from reindex.reports.markup import Markup, element


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Images that failed alike.

    Attributes:
        fingerprint: What their failures share: see :attr:`reindex.domain.failures.Failure`.
        code: Of their failures.
        message: The failure of one of them, as a message for users.
        count: How many images they are.
        examples: Ids of some of them.
    """

    fingerprint: str
    code: str
    message: str
    count: int
    examples: Sequence[str]

    @property
    def command(self) -> str:
        """The command that queues them again; without ``--yes`` it only prints a forecast."""
        return f"reindex requeue --fingerprint {shlex.quote(self.fingerprint)} --yes"


def failure_groups(report: Mapping[str, Any]) -> list[FailureGroup]:
    """Return the groups of failures that a stored report has, the largest first.

    A report holds no more than the largest ones; one of a migration's round has none.
    """
    failures = report.get("failures", {})
    return groups_of({name: Kind(**kind) for name, kind in failures.items()})


def groups_of(kinds: Mapping[str, Kind]) -> list[FailureGroup]:
    """Return kinds of failure, by fingerprint, as groups: the largest first."""
    groups = [
        FailureGroup(fingerprint, kind.code, kind.message, kind.count, kind.examples)
        for fingerprint, kind in kinds.items()
    ]
    return sorted(groups, key=lambda group: (-group.count, group.code, group.fingerprint))


def failure_box(group: FailureGroup, examples: Markup, remedy: Markup) -> Markup:
    """Return a group for a page: its count, code and message, then examples and a remedy."""
    return element(
        "div",
        element("b", f"{group.count:,}"),
        element(
            "div",
            element("p", element("code", group.code, class_="code"), group.message),
            examples,
            remedy,
        ),
        class_="kind",
    )
