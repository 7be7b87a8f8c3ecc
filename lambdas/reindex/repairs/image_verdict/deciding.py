"""The order of the rules: the first that applies decides.

Those come first that make what follows meaningless: a cluster that cannot be asked, an original
that is gone.
"""

from __future__ import annotations

from collections.abc import Callable

from reindex.repairs.image_evidence import Evidence
from reindex.repairs.image_verdict.document_rules import (
    lost_document,
    red_cluster,
    stale_document,
    true_document,
    unusable_index,
)
from reindex.repairs.image_verdict.original_rules import no_original, unreadable_source
from reindex.repairs.image_verdict.row_rules import (
    dead_letter,
    failed_row,
    never_uploaded,
    unread_fact,
)
from reindex.repairs.image_verdict.run_rules import waiting_row
from reindex.repairs.image_verdict.verdicts import Verdict, undecided


def verdict(evidence: Evidence) -> Verdict:
    """Decide why an image is found, or not."""
    for rule in _RULES:
        if found := rule(evidence):
            return found
    return undecided(evidence)


_RULES: tuple[Callable[[Evidence], Verdict | None], ...] = (
    unusable_index,
    no_original,
    true_document,
    red_cluster,
    unreadable_source,
    unread_fact,
    never_uploaded,
    dead_letter,
    failed_row,
    waiting_row,
    stale_document,
    lost_document,
)
