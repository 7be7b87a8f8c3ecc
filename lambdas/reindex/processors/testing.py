"""A helper for the tests of a library's own processors."""

from __future__ import annotations

from copy import deepcopy

from reindex.processors.draft import Draft, Processor
from reindex.processors.processing import NamedProcessor, processed


def check(process: Processor, draft: Draft) -> Draft:
    """Return a processor's result, after checking the requirements of a reindex.

    Raises:
        ProcessorFailed: The processor raised, or returned an invalid draft.
        AssertionError: The processor modified its argument, or is not deterministic.
    """
    given = deepcopy(draft)
    after = processed(given, [NamedProcessor("it", process)])
    direct = process(given)
    assert given == draft, "it changed what it was given"
    assert processed(given, [NamedProcessor("it", lambda _: direct)]) == after, (
        "it gave another draft the second time"
    )
    return after
