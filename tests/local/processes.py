"""Starting other people's programs, and never leaving one behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from tests.local import loopback

Command = Sequence[str | Path]
"""A program and its arguments."""

_GUARD: Final = Path(__file__).with_name("guard.py")
_TERM_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.05
_TAIL_LINES: Final = 40


class LocalServerError(RuntimeError):
    """A local server, or the tool that fetches it, is missing or failed; the message says which."""


@contextmanager
def serve(
    command: Command,
    *,
    log: Path,
    ready: str,
    ready_status: int = 200,
    env: Mapping[str, str] | None = None,
    start_seconds: float = 60,
) -> Iterator[Callable[[], None]]:
    """Runs a server for the time of a `with` block.

    The server and all it starts form a process group of their own, so Ctrl-C reaches the tests
    alone. The group gets TERM, and KILL five seconds later, when the block is left or this process
    dies in any way.

    Args:
        command: The program and its arguments.
        log: Where its standard output and error go.
        ready: A URL; the block is entered once a GET of it is answered with `ready_status`.
        ready_status: See `ready`.
        env: The server's whole environment; None for this process's.
        start_seconds: How long the server may take to be ready.

    Yields:
        Kills the whole group (SIGKILL) and waits for its end.

    Raises:
        LocalServerError: It ended or was not ready in time; the message ends with its log's tail.
    """
    with log.open("wb") as output:
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", _GUARD, str(_TERM_SECONDS), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
        )
    try:
        _wait_until_ready(guard, log, ready, ready_status, start_seconds)
        yield partial(_kill, guard)
    finally:
        _stop(guard)


def run(command: Command, *, env: Mapping[str, str] | None = None) -> str:
    """Runs a program to its end and returns what it wrote to standard output and error.

    Args:
        command: The program and its arguments.
        env: Its whole environment; None for this process's.

    Raises:
        LocalServerError: It is not installed, or ended with a status other than 0.
    """
    program = Path(command[0]).name
    try:
        result = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env=env,
        )
    except FileNotFoundError as error:
        raise LocalServerError(f"{program} is needed and not installed") from error
    if result.returncode != 0:
        raise LocalServerError(
            f"{program} failed with status {result.returncode}:\n{_tail(result.stdout)}"
        )
    return result.stdout


def _wait_until_ready(
    guard: subprocess.Popen[bytes], log: Path, ready: str, ready_status: int, seconds: float
) -> None:
    deadline = time.monotonic() + seconds
    while loopback.status(ready) != ready_status:
        if guard.poll() is not None:
            problem = "ended before it was ready"
        elif time.monotonic() > deadline:
            problem = f"was not ready after {seconds:g} s"
        else:
            time.sleep(_POLL_SECONDS)
            continue
        raise LocalServerError(f"{log.stem} {problem}; its log ends:\n{_tail(_text(log))}")


def _stop(guard: subprocess.Popen[bytes]) -> None:
    assert guard.stdin is not None
    guard.stdin.close()
    try:
        # A little longer than the guard itself waits, for it is the one that should end the group.
        guard.wait(_TERM_SECONDS + 2)
    except subprocess.TimeoutExpired:
        _kill(guard)


def _kill(guard: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(guard.pid, signal.SIGKILL)
    guard.wait()


def _text(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-_TAIL_LINES:])
