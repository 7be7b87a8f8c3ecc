"""``reindex desk``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ..session import Session, example, on_stack

if TYPE_CHECKING:
    from pathlib import Path


@click.command(epilog=example("reindex desk", "reindex desk --read-only --port 8765 --no-open"))
@click.option(
    "--read-only/--allow-changes",
    "read_only",
    default=None,
    help="Whether nothing can be changed (default: what the stage's production says).",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    metavar="PORT",
    help="To listen on (default: any that is free).",
)
@click.option(
    "--open/--no-open", "in_browser", default=True, help="Whether to open it in a browser."
)
@on_stack
def desk(session: Session, *, read_only: bool | None, port: int, in_browser: bool) -> None:
    """Show the stage on one page, in a browser on this machine.

    That is: the latest run as it goes on, failures with thumbnails, submissions that failed, the
    last audit, past runs, and why an image is found or not. Pausing, resuming, aborting, queueing
    again and submitting again show their plan first, and are what the verbs do.

    It listens on 127.0.0.1 until Ctrl-C. Its address holds a token, which gives access to the page
    and to what it can do with these credentials. Needs the extra image-reindex[desk].
    """
    try:
        from .serving import listening
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "werkzeug":
            raise
        raise click.ClickException(
            "the desk needs the extra desk: install image-reindex[desk] "
            "(uv tool install '.[desk]', or pipx install '.[desk]')"
        ) from None
    from ..terminal import note
    from .desk import Desk

    stage = session.named_stage()
    found = Desk(stage, lambda: session.connect(stage), read_only=read_only)
    with listening(found, port) as served:
        mode = "read-only" if found.read_only else "changes are allowed"
        note(f"The desk of {stage} ({mode}), until Ctrl-C:")
        note(f"  {served.address}")
        with launcher_page(served.address) as launcher:
            if in_browser:
                _open(launcher)
            # Returns on Ctrl-C.
            served.server.serve_forever()
    if found.plans.is_applying:
        raise click.ClickException("an operation was still being done: repeat it")
    note("The desk is closed; runs go on.")


@contextmanager
def launcher_page(address: str) -> Iterator[Path]:
    """Write a page that opens the desk, for the time of a ``with`` block.

    Only this user can read the page. The browser is given its path, and not the address of the
    desk, because other users of this machine can read the arguments of a process.
    """
    import tempfile
    from pathlib import Path

    from reindex.reports.markup import Markup, element

    leads = element("meta", http_equiv="refresh", content=f"0; url={address}")
    link = element("a", "The desk", href=address)
    with tempfile.TemporaryDirectory(prefix="reindex-") as folder:
        file = Path(folder, "desk.html")
        file.write_text(Markup("<!doctype html>") + element("html", leads, link), encoding="utf-8")
        yield file


def _open(page: Path) -> None:
    import webbrowser

    from ..terminal import note

    if not webbrowser.open(page.as_uri()):
        note("No browser could be opened: open the address above.")
