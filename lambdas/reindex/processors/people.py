"""Names of photographers: prefixes, agencies beside them, initials, capitals."""

from __future__ import annotations

import re
from typing import Final

from reindex.processors.draft import Draft

#: What stands before a name to say that it is a copyright's.
_COPYRIGHT: Final = re.compile(
    r"\s*(?:(?:copyright\b|©|\(c\)|&copy;)\s*[:\-\u2013]?\s*)+"
    r"(?:\d{4}(?:\s*[-\u2013]\s*\d{2,4})?\s*[,:]?\s*)?(?:by\s+)?",
    re.IGNORECASE,
)

_NAMED: Final = ("byline", "credit")

#: One letter, or several with a full stop after each: ``J``, ``J.``, ``J.A.``.
_INITIAL: Final = re.compile(r"[^\W\d_]\.?|(?:[^\W\d_]\.){2,}")

#: Between a first name and a family name these are written small.
_PARTICLES: Final = frozenset(
    [
        "al",
        "ap",
        "bin",
        "da",
        "das",
        "de",
        "degli",
        "dei",
        "del",
        "della",
        "den",
        "der",
        "des",
        "di",
        "do",
        "dos",
        "du",
        "e",
        "el",
        "ibn",
        "la",
        "las",
        "le",
        "los",
        "ten",
        "ter",
        "the",
        "van",
        "vom",
        "von",
        "y",
        "zu",
        "zum",
        "zur",
    ]
)

#: Texts whose slashes tell nobody apart: addresses of web pages, and ``N/A``.
_WHOLE: Final = re.compile(r"://|^\s*n/a\.?\s*$", re.IGNORECASE)

_NUMERALS: Final = frozenset({"II", "III", "IV", "VI"})

#: What follows Mac with a capital. All other names go on in small letters: Macron, Macias and
#: Machiavelli are none of Scotland's, and more such names exist than anybody could list.
_AFTER_MAC: Final = """\
arthur askill bean beth bride cabe callum cann carthy coll cormack diarmid donald donnell dougal
dougall dowell duff eachern ewan ewen fadyen farlane gill gillivray gowan gregor innes intosh
intyre isaac iver ivor kay kellar kenna kenzie kinlay kinley kinnon lachlan laine laren lauchlan
laughlin lean leay lellan lennan leod manus master millan murray nab namara naughton neil neill
nicol phail phee pherson quarrie queen rae ritchie sween sweeney taggart tavish vicar whirter
william
"""


def strip_copyright(draft: Draft) -> Draft:
    """Take ``©``, ``(c)``, ``Copyright 2019 by`` and their like from the names of people."""
    changes = {}
    for name in _NAMED:
        text = draft.text(name)
        found = _COPYRIGHT.match(text)
        if found and (rest := text[found.end() :].strip()):
            changes[name] = rest
    return draft.with_metadata(**changes) if changes else draft


def split_byline_credit(draft: Draft) -> Draft:
    """Tell people from agencies where both stand in one field, with slashes between.

    What follows the first name in the byline goes before the credit; a photographer who stands in
    the credit, too, is taken from there; a byline that only repeats the credit goes.
    """
    byline, credit = _parts(draft.text("byline")), _parts(draft.text("credit"))
    if len(byline) < 2 and len(credit) < 2:  # noqa: PLR2004 - nothing to tell apart
        return draft
    person, agencies = byline[:1], byline[1:]
    if person and credit and _folded(byline) == _folded(credit) and len(credit) > 1:
        person, agencies = [], byline
    known = set(_folded(agencies))
    rest = [part for part in credit if part.casefold() not in known | set(_folded(person))]
    together = [*agencies, *rest]
    return draft.with_metadata(
        byline=person[0] if person else None,
        credit="/".join(together) or draft.text("credit"),
    )


def join_initials(draft: Draft) -> Draft:
    """Write the initials of a photographer together, without full stops: ``JA Smith``."""
    words = draft.text("byline").split()
    count = next((n for n, word in enumerate(words) if not _INITIAL.fullmatch(word)), len(words))
    if not 0 < count < len(words):
        return draft
    initials = "".join(words[:count]).replace(".", "").upper()
    return draft.with_metadata(byline=" ".join([initials, *words[count:]]))


def title_case_names(draft: Draft) -> Draft:
    """Write a byline that is all in capitals as a name: ``Vincent van Gogh``, ``Ian McEwan``.

    One word alone stays, for it may be an agency.
    """
    byline = draft.text("byline")
    words = byline.split()
    if len(words) < 2 or byline != byline.upper() or byline == byline.lower():  # noqa: PLR2004
        return draft
    last = len(words) - 1
    cased = [_cased(w, between=0 < n < last) for n, w in enumerate(words)]
    return draft.with_metadata(byline=" ".join(cased))


def _cased(word: str, *, between: bool) -> str:
    if word in _NUMERALS or _INITIAL.fullmatch(word) or "/" in word:
        return word
    # Only between names: in KIM LE and VAN MORRISON it is a name itself.
    if between and word.lower() in _PARTICLES:
        return word.lower()
    return "-".join(_name(part) for part in word.split("-"))


def _name(part: str) -> str:
    small = part.lower()
    for mark in ("'", "\u2019"):
        before, found, after = small.partition(mark)
        # O'Brien, D'Souza; but Dean's.
        if found and len(before) == 1 and len(after) > 1:
            return f"{before.upper()}{mark}{_name(after)}"
    if small.startswith("mc") and len(small) > 3:  # noqa: PLR2004 - Mc alone is no name
        return f"Mc{small[2:].capitalize()}"
    if small.startswith("mac") and small[3:] in _AFTER_MAC.split():
        return f"Mac{small[3:].capitalize()}"
    return small.capitalize()


def _parts(text: str) -> list[str]:
    if _WHOLE.search(text):
        return [text.strip()]
    return [part for each in text.split("/") if (part := each.strip())]


def _folded(parts: list[str]) -> list[str]:
    return [part.casefold() for part in parts]
