"""What every verb is given: which stack it works on, and what to say when it is interrupted."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reindex.steps.ambient import Clock

if TYPE_CHECKING:
    from reindex.wiring import Wiring

Verb = TypeVar("Verb", bound=Callable[..., Any])

#: Names the stage when no option does.
STAGE_VARIABLE = "REINDEX_STAGE"


def _connect(stage: str) -> Wiring:
    # The clients' libraries take a second to import: not for --help, nor for wrong usage.
    from scripts.stack import open_stack  # noqa: PLC0415

    return open_stack(stage)


def _nothing_changed() -> str:
    return "nothing was changed"


@dataclass
class Session:
    """One call of the command.

    Attributes:
        stage: Which deployment it works on.
        debug: Whether failures show their traceback.
        connect: Makes the wiring of a stage's stack.
        standing: Says what stands should the verb be interrupted now; a verb that changes
            something replaces it before it does.
    """

    stage: str | None = None
    debug: bool = False
    connect: Callable[[str], Wiring] = _connect
    standing: Callable[[], str] = field(default=_nothing_changed)

    @cached_property
    def wiring(self) -> Wiring:
        """The parts, connected to the stage's stack.

        Raises:
            UsageError: No stage was named.
        """
        if not self.stage:
            raise click.UsageError(f"which stage? Give --stage, or set {STAGE_VARIABLE}.")
        return self.connect(self.stage)

    def stands(self, what: str) -> None:
        """Set what is said when the verb is interrupted from now on."""
        self.standing = lambda: what


pass_session = click.make_pass_decorator(Session, ensure=True)


def _remember_stage(context: click.Context, _: click.Parameter, stage: str | None) -> None:
    if stage:
        context.ensure_object(Session).stage = stage


def stage_option(*, environment: bool) -> Callable[[Verb], Verb]:
    """The option that names the stage.

    Args:
        environment: Whether it may come from the environment. Only for the command itself:
            on a verb the variable would win over the command's own option.
    """
    return click.option(
        "--stage",
        metavar="STAGE",
        expose_value=False,
        callback=_remember_stage,
        envvar=STAGE_VARIABLE if environment else None,
        help=f"Deployment to work on (default: {STAGE_VARIABLE}).",
    )


def on_stack(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb its session, and the option that names the stage."""
    return stage_option(environment=False)(pass_session(verb))


def example(*lines: str) -> str:
    """The end of a verb's help: how it is called."""
    # The backspace is click's sign for lines that stay as they are.
    return "\n".join(("\b", "Example:", *(f"  {line}" for line in lines)))


def fresh_name(clock: Clock) -> str:
    """A name for a run or an upload that sorts by time: ``20261122-031500-ab12``."""
    stamp = datetime.fromtimestamp(clock.now(), UTC).strftime("%Y%m%d-%H%M%S")
    return f"{stamp}-{secrets.token_hex(2)}"
