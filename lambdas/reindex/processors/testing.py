"""For the tests of a library's own processors."""

from __future__ import annotations

from copy import deepcopy

from reindex.processors.draft import Draft, Processor
from reindex.processors.processing import NamedProcessor, processed


def check(process: Processor, draft: Draft) -> Draft:
    """Return what a processor makes of a draft, held to what a reindex demands of it.

    Raises:
        ProcessorFailed: It raised, or returned what does not fit a document.
        AssertionError: It changed what it was given, or gave another draft the second time.
    """
    given = deepcopy(draft)
    after = processed(given, [NamedProcessor("it", process)])
    direct = process(given)
    assert given == draft, "it changed what it was given"
    assert processed(given, [NamedProcessor("it", lambda _: direct)]) == after, (
        "it gave another draft the second time"
    )
    return after
