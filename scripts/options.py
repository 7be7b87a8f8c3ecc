"""Options that several verbs have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import click

Verb = Callable[..., Any]
Option = Callable[[Verb], Verb]


def with_options(verb: Verb, options: Iterable[Option]) -> Verb:
    """Give a verb options, which its help lists in this order."""
    for option in reversed([*options]):
        verb = option(verb)
    return verb


def page_option(help_: str = "Write it to a file, as a page.") -> Option:
    """Return what gives a verb the option that writes its result as a page: ``file``."""
    return click.option(
        "--html", "file", type=click.Path(dir_okay=False), metavar="FILE", help=help_
    )


_RESULT: Final = (
    click.option("--json", "as_json", is_flag=True, help="All that was found, as JSON."),
    page_option("Write it to a file, as a page with thumbnails."),
)


def result_options(verb: Verb) -> Verb:
    """Give a verb the options that say how its result is shown: ``as_json`` and ``file``."""
    return with_options(verb, _RESULT)


def failure_options(shown_by: str) -> Option:
    """Return what gives a verb the options that select by failure: ``codes``, ``fingerprints``.

    Args:
        shown_by: The command that shows fingerprints.
    """
    options = (
        click.option(
            "--code", "codes", multiple=True, metavar="CODE", help="With this failure code."
        ),
        click.option(
            "--fingerprint",
            "fingerprints",
            multiple=True,
            metavar="HEX",
            help=f"With this failure fingerprint, as {shown_by} shows it.",
        ),
    )
    return lambda verb: with_options(verb, options)
