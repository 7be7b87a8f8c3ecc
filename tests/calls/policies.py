"""Evaluates the policies in a synthesized template, by the rules of IAM that they depend on.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from reindex.settings import ALL_FUNCTIONS
from tests.calls.permissions import Permission, place
from tests.calls.resources import Resources
from tests.stack.readable import readable


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of a policy.

    Attributes:
        allows: Whether its effect is Allow, and not Deny.
        actions: Patterns of actions.
        resources: Patterns of resources, in the words of :class:`Resources`.
        conditions: Names of the condition keys.
    """

    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[str, ...]

    def applies_to(self, action: str, resource: str) -> bool:
        """Return whether the statement is about an action on a resource."""
        return any(fnmatchcase(action, pattern) for pattern in self.actions) and any(
            fnmatchcase(resource, pattern) for pattern in self.resources
        )


@dataclass(frozen=True, slots=True)
class Policies:
    """The statements of each function's role, by the function's short name."""

    statements: Mapping[str, tuple[Statement, ...]]

    @classmethod
    def of(cls, template: Mapping[str, Any], stage: str) -> Policies:
        """Read a synthesized template of a stage."""
        outputs = {name: readable(o["Value"]) for name, o in template["Outputs"].items()}
        resources = Resources.of(stage, outputs)
        found: dict[str, tuple[Statement, ...]] = {}
        for function in ALL_FUNCTIONS:
            construct = "".join(part.capitalize() for part in function.split("_"))
            role = f"<Functions{construct}Role>"
            statements = tuple(_statements(template, role, resources))
            if statements:
                found[function.replace("_", "-")] = statements
        return cls(found)

    def allow(self, function: str, action: str, resource: str) -> bool:
        """Return whether a function may do something.

        A Deny with a condition is taken not to apply: no call is recorded with what it looks at.
        """
        about = [s for s in self.statements[function] if s.applies_to(action, resource)]
        denied = any(not s.allows and not s.conditions for s in about)
        return not denied and any(s.allows and not s.conditions for s in about)

    def allowed(self, function: str) -> Iterator[tuple[str, str]]:
        """Yield each pair of action and resource patterns that a function's role allows."""
        for statement in self.statements[function]:
            if statement.allows:
                for action in statement.actions:
                    for resource in statement.resources:
                        yield action, resource

    def conditions(self) -> set[str]:
        """Return the names of all condition keys."""
        return {c for each in self.statements.values() for s in each for c in s.conditions}


def _statements(
    template: Mapping[str, Any], role: str, resources: Resources
) -> Iterator[Statement]:
    for resource in template["Resources"].values():
        if resource["Type"] != "AWS::IAM::Policy":
            continue
        if role not in map(readable, resource["Properties"]["Roles"]):
            continue
        for statement in _listed(resource["Properties"]["PolicyDocument"]["Statement"]):
            actions = tuple(_listed(statement["Action"]))
            named = tuple(
                resources.named(Permission(actions[0], *place(readable(pattern))))
                for pattern in _listed(statement["Resource"])
            )
            conditions = tuple(
                key for operator in statement.get("Condition", {}).values() for key in operator
            )
            yield Statement(statement["Effect"] == "Allow", actions, named, conditions)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
