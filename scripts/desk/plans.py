"""Plans of actions: counted in the background, and applied once, when the operator says so."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from threading import Lock, Thread
from typing import Final

from ..errors import explained
from ..operations import Outcome
from .actions import Action

#: Plans that are remembered.
_MOST: Final = 100


class PlanState(StrEnum):
    """The states of a plan. Each state is followed by the next, or by ``FAILED``."""

    COUNTING = "counting"
    READY = "ready"
    APPLYING = "applying"
    DONE = "done"
    FAILED = "failed"

    @property
    def is_working(self) -> bool:
        """True while something goes on in the background."""
        return self in {PlanState.COUNTING, PlanState.APPLYING}


class NoSuchPlan(Exception):
    """There is no plan of that name, or no longer: plans end with the desk."""


class NotReady(Exception):
    """The plan cannot be applied: it was already, or it is still being counted."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of an action, or its result.

    Attributes:
        action: The action.
        state: Where it is.
        outcome: Of the plan, or of its application; None before that is known.
        error: Why it failed.
    """

    action: Action
    state: PlanState = PlanState.COUNTING
    outcome: Outcome | None = None
    error: str = ""


def in_background(work: Callable[[], None]) -> None:
    """Do some work in a thread that ends with the process."""
    Thread(target=work, name="desk-plan", daemon=True).start()


class Plans:
    """The plans of one desk.

    Args:
        done: Called with an action that was applied, or failed to be.
        start: Does some work, here or in another thread.
    """

    def __init__(
        self,
        done: Callable[[Action], None],
        start: Callable[[Callable[[], None]], None] = in_background,
    ) -> None:
        self._done = done
        self._start = start
        self._lock = Lock()
        self._plans: dict[str, Plan] = {}

    def make(self, action: Action) -> str:
        """Begin to count what an action would do; return the plan's name."""
        name = secrets.token_urlsafe(12)
        with self._lock:
            while len(self._plans) >= _MOST:
                self._plans.pop(next(iter(self._plans)))
            self._plans[name] = Plan(action)
        self._start(lambda: self._work(name, action.operation.plan, PlanState.READY))
        return name

    def get(self, name: str) -> Plan:
        """Return a plan.

        Raises:
            NoSuchPlan: There is none.
        """
        with self._lock:
            if name not in self._plans:
                raise NoSuchPlan
            return self._plans[name]

    def apply(self, name: str) -> None:
        """Begin to apply a plan that is ready.

        Raises:
            NoSuchPlan: There is none.
            NotReady: It was applied, failed, would change nothing, or is still being counted.
        """
        with self._lock:
            plan = self._plans.get(name)
            if plan is None:
                raise NoSuchPlan
            if plan.state is not PlanState.READY or (plan.outcome and plan.outcome.is_empty):
                raise NotReady
            self._plans[name] = replace(plan, state=PlanState.APPLYING)

        def work() -> None:
            self._work(name, plan.action.operation.apply, PlanState.DONE)
            self._done(plan.action)

        self._start(work)

    @property
    def is_applying(self) -> bool:
        """True while some plan is being applied."""
        with self._lock:
            return any(plan.state is PlanState.APPLYING for plan in self._plans.values())

    def _work(self, name: str, operate: Callable[[], Outcome], then: PlanState) -> None:
        changes: dict[str, object]
        try:
            changes = {"state": then, "outcome": operate()}
        except Exception as error:  # noqa: BLE001 - whatever failed is the plan's state
            changes = {"state": PlanState.FAILED, "error": explained(error)}
        with self._lock:
            if name in self._plans:
                self._plans[name] = replace(self._plans[name], **changes)  # type: ignore[arg-type]
