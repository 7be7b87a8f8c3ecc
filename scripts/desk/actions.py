"""The operations that a form of the page may name: those of the verbs."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from reindex.repairs.requeue import Requeue, Selection
from reindex.steps.submissions import Resubmitting, Wanted

from ..operations import Abort, Operation, Pause, RequeueImages, ResubmitFiles, Resume
from ..run_control import RunControl
from ..run_status import StatusReader
from ..selections import SEGMENTS

if TYPE_CHECKING:
    from reindex.wiring import Wiring

Fields = Mapping[str, str]
"""A form's fields, as the browser sent them."""


class BadForm(Exception):
    """A form lacks a field, or has a value that cannot be read."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something that the page may change.

    Attributes:
        title: For people, as an imperative.
        command: The command that does the same.
        panels: Names of the panels that show its effect.
        operation: What is done.
    """

    title: str
    command: str
    panels: tuple[str, ...]
    operation: Operation


def action_of(wiring: Wiring, fields: Fields) -> Action:
    """Return the action that a form names.

    Raises:
        BadForm: The form names none, or lacks what it is about.
    """
    make = _ACTIONS.get(fields.get("action", ""))
    if make is None:
        raise BadForm("the form names no action of this page")
    return make(wiring, fields)


def _pause(wiring: Wiring, fields: Fields) -> Action:
    run_id = _field(fields, "run")
    operation = Pause(RunControl.of(wiring), run_id)
    return Action(f"Pause run {run_id}", "reindex pause", ("run",), operation)


def _resume(wiring: Wiring, fields: Fields) -> Action:
    run_id, budget = _field(fields, "run"), _budget(fields)
    operation = Resume(RunControl.of(wiring), run_id, budget)
    option = "" if budget is None else f" --budget {budget:g}"
    return Action(f"Resume run {run_id}", f"reindex resume{option}", ("run",), operation)


def _abort(wiring: Wiring, fields: Fields) -> Action:
    run_id = _field(fields, "run")
    operation = Abort(RunControl.of(wiring), StatusReader.of(wiring), run_id)
    return Action(f"Abort run {run_id}", "reindex abort", ("run", "runs"), operation)


def _requeue(wiring: Wiring, fields: Fields) -> Action:
    fingerprint = _field(fields, "fingerprint")
    name = f"requeue-{uuid4()}"
    requeuing = Requeue(wiring.table, wiring.work_list, wiring.clock, name, SEGMENTS)
    return Action(
        f"Queue the images of failure {fingerprint} again",
        f"reindex requeue --fingerprint {shlex.quote(fingerprint)} --yes",
        ("run",),
        RequeueImages(requeuing, Selection(fingerprints=[fingerprint])),
    )


def _resubmit(wiring: Wiring, fields: Fields) -> Action:
    fingerprint = _field(fields, "fingerprint")
    if not wiring.has_ingest:
        raise BadForm("this stage has no live lane")
    resubmitting = Resubmitting(wiring.submissions, wiring.submitted_files, wiring.high_priority)
    return Action(
        f"Submit the files of failure {fingerprint} again",
        f"reindex resubmit --fingerprint {shlex.quote(fingerprint)} --yes",
        ("submissions",),
        ResubmitFiles(resubmitting, Wanted(fingerprints=[fingerprint])),
    )


_ACTIONS: Final[Mapping[str, Callable[[Wiring, Fields], Action]]] = {
    "pause": _pause,
    "resume": _resume,
    "abort": _abort,
    "requeue": _requeue,
    "resubmit": _resubmit,
}


def _field(fields: Fields, name: str) -> str:
    if not (value := fields.get(name, "")):
        raise BadForm(f"the form lacks {name}")
    return value


def _budget(fields: Fields) -> float | None:
    text = fields.get("budget", "")
    if not text:
        return None
    try:
        budget = float(text)
    except ValueError:
        budget = 0.0
    if not 0 < budget < float("inf"):
        raise BadForm(f"{text!r} is not a number of dollars")
    return budget
