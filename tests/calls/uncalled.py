"""What functions are allowed and no recorded call needs, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final


@dataclass(frozen=True, slots=True)
class Uncalled:
    """Permissions that are there without a recorded call.

    Attributes:
        functions: A pattern of functions' short names.
        actions: A pattern of actions.
        resources: A pattern of resources.
        reason: Why they are there.
    """

    functions: str
    actions: str
    resources: str
    reason: str

    def covers(self, function: str, action: str, resource: str) -> bool:
        """Return whether a permission is one of these."""
        return (
            fnmatchcase(function, self.functions)
            and fnmatchcase(action, self.actions)
            and fnmatchcase(resource, self.resources)
        )


UNCALLED: Final = (
    Uncalled("*", "logs:CreateLogStream", "<Functions*Logs>", "Lambda calls it"),
    Uncalled("*", "logs:PutLogEvents", "<Functions*Logs>", "Lambda calls it"),
    Uncalled("indexer", "sqs:*", "low-priority queue", "Lambda's event source mapping calls it"),
)
