"""The record of the permissions that functions and verbs need, made of the calls that they made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import click

from scripts.command import reindex
from tests.calls.permissions import needed
from tests.calls.policies import Policies
from tests.calls.recording import RecordedCall, recorded
from tests.calls.resources import Resources, by_resource, function_of

#: The record in this repository: made by ``python -m tests.calls``.
PATH: Final = Path(__file__).with_name("record.json")

#: Verbs that need what other verbs need, and nothing more.
DOES_WHAT_OTHERS_DO: Final[Mapping[str, tuple[str, ...]]] = {
    "desk": (
        *("status", "report", "submissions", "audit", "runs", "explain"),
        *("pause", "resume", "abort", "requeue", "resubmit"),
    ),
}

#: What it takes to bring along the documents that are left.
_BRINGING_ALONG: Final[Mapping[str, Sequence[str]]] = {
    "function that projects": ("lambda:InvokeFunction",),
    "originals bucket": ("s3:ListBucket",),
    "originals bucket: *": ("s3:GetObject",),
    "progress table": (
        *("dynamodb:BatchGetItem", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate"),
    ),
    "run record": ("dynamodb:UpdateItem",),
}

#: What verbs need on other stages than that of the walk, or with options that it does not give: a
#: function of the library's own, ``start --rehearse``, pages with thumbnails, a switch or a finish
#: with documents left to bring along, and a rehearsal whose sample has a document that is too large
#: for a message. The other end-to-end tests call these.
BEYOND_THE_WALK: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "check-projector": {
        "run bucket": ("s3:ListBucket",),
        "run bucket: claims/*": ("s3:GetObject", "s3:PutObject"),
    },
    "compare": {
        "thumbnails bucket": ("s3:ListBucket",),
        "thumbnails bucket: *": ("s3:GetObject",),
    },
    "migrate finish": _BRINGING_ALONG,
    "migrate switch": _BRINGING_ALONG,
    "rehearse": {
        "run bucket": ("s3:ListBucket",),
        "run bucket: claims/*": ("s3:GetObject",),
    },
    "start": {"function that projects": ("lambda:InvokeFunction",)},
}

_DEPLOYMENT: Final = "deployment.json"

#: The permissions of one function or verb: actions by resource.
Needs = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Record:
    """The actions, by resource, that each function and each verb calls.

    Attributes:
        functions: By a function's short name, such as ``batch-index``.
        verbs: By a verb, such as ``migrate start``.
    """

    functions: Mapping[str, Needs]
    verbs: Mapping[str, Needs]

    @classmethod
    def read(cls) -> Record:
        """Read the record in this repository."""
        return cls(**json.loads(PATH.read_text(encoding="utf-8")))

    def shared(self) -> Iterator[tuple[str, str, str]]:
        """Yield the calls of verbs that do what others do: as :func:`pairs`."""
        for verb, others in DOES_WHAT_OTHERS_DO.items():
            for _, resource, action in pairs({o: self.verbs.get(o, {}) for o in others}):
                yield verb, resource, action

    def write(self) -> None:
        """Replace the record in this repository; :data:`BEYOND_THE_WALK` is added."""
        verbs = {verb: dict(needs) for verb, needs in self.verbs.items()}
        for verb, resource, action in pairs(BEYOND_THE_WALK):
            needs = verbs.setdefault(verb, {})
            needs[resource] = sorted({*needs.get(resource, ()), action})
        found = {"functions": self.functions, "verbs": verbs}
        PATH.write_text(f"{json.dumps(found, indent=1, sort_keys=True)}\n", encoding="utf-8")


@dataclass(frozen=True)
class RecordedDeployment:
    """A deployment whose calls were recorded.

    Attributes:
        stage: Its stage.
        outputs: Of its stack.
        template: Of its stack.
        calls: In no order.
    """

    stage: str
    outputs: Mapping[str, str]
    template: Mapping[str, Any]
    calls: tuple[RecordedCall, ...]

    @cached_property
    def record(self) -> Record:
        """The permissions that its functions and the verbs needed."""
        resources = Resources.of(self.stage, self.outputs)
        functions: dict[str, set[tuple[str, str]]] = {}
        verbs: dict[str, set[tuple[str, str]]] = {}
        for call in self.calls:
            if call.function:
                found = functions.setdefault(function_of(call.function, self.stage), set())
            elif verb := verb_of(call.command):
                found = verbs.setdefault(verb, set())
            else:
                continue
            found |= {(each.action, resources.named(each)) for each in needed(call)}
        return Record(
            {name: by_resource(found) for name, found in functions.items()},
            {name: by_resource(found) for name, found in verbs.items()},
        )

    def refused(self) -> Iterator[str]:
        """Yield a line for each call of a function that its role does not allow."""
        policies = Policies.of(self.template, self.stage)
        for function, resource, action in pairs(self.record.functions):
            # A stage may have functions that are not ours.
            if function in policies.statements and not policies.allow(function, action, resource):
                yield f"{function} calls what its role does not allow: {action} on {resource}"

    def unknown(self, record: Record) -> Iterator[str]:
        """Yield a line for each call that a record does not have of a verb that it knows."""
        known = {*pairs(record.verbs), *record.shared()}
        verbs = {*record.verbs, *DOES_WHAT_OTHERS_DO}
        for verb, resource, action in pairs(self.record.verbs):
            if verb in verbs and (verb, resource, action) not in known:
                yield f"reindex {verb} calls what the record does not have: {action} on {resource}"


def pairs(needs: Mapping[str, Mapping[str, Sequence[str]]]) -> Iterator[tuple[str, str, str]]:
    """Yield each principal with a resource and an action on it."""
    for principal, by_name in needs.items():
        for resource, actions in by_name.items():
            for action in actions:
                yield principal, resource, action


def save_deployment(
    folder: Path, stage: str, outputs: Mapping[str, str], template: Mapping[str, Any]
) -> None:
    """Leave beside the recorded calls what it takes to name their resources."""
    found = {"stage": stage, "outputs": dict(outputs), "template": template}
    (folder / _DEPLOYMENT).write_text(json.dumps(found), encoding="utf-8")


def deployments(folder: Path) -> Iterator[RecordedDeployment]:
    """Read the deployments below a folder."""
    for path in sorted(folder.glob(f"*/{_DEPLOYMENT}")):
        found = json.loads(path.read_text(encoding="utf-8"))
        yield RecordedDeployment(**found, calls=tuple(recorded(path.parent)))


def verbs() -> list[str]:
    """Return all verbs of the command; those of groups with what they do: ``migrate start``."""
    return sorted(_verbs(reindex, ""))


def _verbs(group: click.Group, prefix: str) -> Iterable[str]:
    for name, command in group.commands.items():
        # A group may do something by itself, as `reindex runs` does.
        if isinstance(command, click.Group):
            yield from _verbs(command, f"{prefix}{name} ")
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield f"{prefix}{name}"


def verb_of(command_line: Iterable[str]) -> str | None:
    """Return the verb of a command line; None if it is not one of the command's."""
    program, *words = command_line
    if Path(program).name != "reindex":
        return None
    group: click.Group = reindex
    found: list[str] = []
    for word in words:
        command = group.commands.get(word)
        if command is None:
            continue
        found.append(word)
        if not isinstance(command, click.Group):
            break
        group = command
    return " ".join(found) or None
