"""One image, explained on the page."""

from __future__ import annotations

from typing import Final

from reindex.domain.progress import iso
from reindex.repairs.image_evidence import Evidence
from reindex.repairs.image_history import events, facts
from reindex.repairs.image_verdict.verdicts import Verdict
from reindex.reports.markup import Markup, element, joined

from .views import BAD, OK, command, notice, scrolled_table, thumbnail_of

#: A sign and a word for how a fact is: what a screen reader says must not be a sign alone.
_MARKS: Final = {True: ("✓", "fine"), False: ("✗", "not as it should be"), None: ("?", "not known")}


def view(evidence: Evidence, found: Verdict, *, has_thumbnails: bool) -> Markup:
    """Show why an image is found, or not, and what to do.

    Args:
        evidence: What is known of it.
        found: What follows from that.
        has_thumbnails: True if the library keeps thumbnails.
    """
    now = [(_mark(fact.fine), fact.name, fact.text) for fact in facts(evidence)]
    history = [(iso(event.at), event.source, event.text) for event in events(evidence)]
    return joined(
        notice(OK if found.is_fine else BAD, found.sentence, command(found.command)),
        element("p", thumbnail_of(evidence.image_id)) if has_thumbnails else "",
        element("h3", "What is so now"),
        scrolled_table("What is so now", ("state", "what", "how it is"), now),
        element("h3", "What happened"),
        scrolled_table("What happened", ("at", "where", "what happened"), history),
    )


def _mark(fine: bool | None) -> Markup:  # noqa: FBT001 - the fact's own
    sign, word = _MARKS[fine]
    mood = {True: "ok", False: "bad", None: "soft"}[fine]
    return element("span", sign, element("span", word, class_="unseen"), class_=f"mark {mood}")
