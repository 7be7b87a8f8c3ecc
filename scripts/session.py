"""The session of every verb: its stack, and the message if it is interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from reindex.wiring import Wiring

Verb = TypeVar("Verb", bound=Callable[..., Any])

#: Names the stage when no option does.
STAGE_VARIABLE = "REINDEX_STAGE"


def _connect(stage: str) -> Wiring:
    from .stack import open_stack

    return open_stack(stage)


def _nothing_changed() -> str:
    return "nothing was changed"


@dataclass
class Session:
    """One call of the command.

    Attributes:
        stage: Which deployment it works on.
        debug: True if failures show their traceback.
        connect: Makes the wiring of a stage's stack.
        interrupt_message: Returns what is printed if the verb is interrupted now; a verb that
            changes something sets it with :meth:`on_interrupt` before it does.
        interrupt_notes: Returns the lines that follow it.
    """

    stage: str | None = None
    debug: bool = False
    connect: Callable[[str], Wiring] = _connect
    interrupt_message: Callable[[], str] = field(default=_nothing_changed)
    interrupt_notes: Callable[[], Iterable[str]] = field(default=tuple)

    @cached_property
    def wiring(self) -> Wiring:
        """The parts, connected to the stage's stack.

        Raises:
            UsageError: No stage was named.
        """
        return self.connect(self.named_stage())

    def named_stage(self) -> str:
        """Return the stage to work on.

        Raises:
            UsageError: None was named.
        """
        if not self.stage:
            raise click.UsageError(f"which stage? Give --stage, or set {STAGE_VARIABLE}.")
        return self.stage

    def set_up_log(self) -> None:
        """Show the log with ``--debug``, and nothing of it without."""
        from .logs import hide_log, show_log

        if self.debug:
            show_log()
        else:
            hide_log()

    def on_interrupt(
        self, message: str | Callable[[], str], notes: Callable[[], Iterable[str]] = tuple
    ) -> None:
        """Set what is printed if the verb is interrupted from now on.

        Args:
            message: A clause without its full stop, or what returns one at that moment.
            notes: Returns lines that follow it.
        """
        self.interrupt_message = message if callable(message) else lambda: message
        self.interrupt_notes = notes


pass_session = click.make_pass_decorator(Session, ensure=True)


def with_session(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb its session, and set up the log before it begins."""

    @wraps(verb)
    def logged(session: Session, *args: Any, **options: Any) -> Any:
        session.set_up_log()
        return verb(session, *args, **options)

    return pass_session(logged)


def _remember_stage(context: click.Context, _: click.Parameter, stage: str | None) -> None:
    if stage:
        context.ensure_object(Session).stage = stage


def stage_option(*, environment: bool) -> Callable[[Verb], Verb]:
    """Return the option that names the stage.

    Args:
        environment: True if it may come from the environment. Only for the command itself:
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
    """Give a verb its session, and the option that names the stage.

    A missing stage is wrong usage: it is reported before the verb imports what it works with.
    """

    @wraps(verb)
    def on_named_stage(session: Session, *args: Any, **options: Any) -> Any:
        session.named_stage()
        return verb(session, *args, **options)

    return stage_option(environment=False)(with_session(on_named_stage))


def example(*lines: str) -> str:
    """Return the end of a verb's help: how it is called."""
    # The backspace is click's sign for lines that stay as they are.
    return "\n".join(("\b", "Example:", *(f"  {line}" for line in lines)))
