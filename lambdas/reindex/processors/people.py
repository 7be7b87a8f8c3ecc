"""Processors for photographers' names: prefixes, agencies, initials and capitals."""

from __future__ import annotations

import re
from typing import Final

from reindex.processors.draft import Draft

#: A copyright prefix before a name.
_COPYRIGHT: Final = re.compile(
    r"\s*(?:(?:copyright\b|©|\(c\)|&copy;)\s*[:\-\u2013]?\s*)+"
    r"(?:\d{4}(?:\s*[-\u2013]\s*\d{2,4})?\s*[,:]?\s*)?(?:by\s+)?",
    re.IGNORECASE,
)

_NAME_FIELDS: Final = ("byline", "credit")

#: One letter, or several with a full stop after each: ``J``, ``J.``, ``J.A.``.
_INITIAL: Final = re.compile(r"[^\W\d_]\.?|(?:[^\W\d_]\.){2,}")

#: Particles that are lower case between a first name and a family name.
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

#: Texts whose slashes do not separate names: URLs, and ``N/A``.
_UNSPLIT: Final = re.compile(r"://|^\s*n/a\.?\s*$", re.IGNORECASE)

_NUMERALS: Final = frozenset({"II", "III", "IV", "VI"})

#: Parts that are capitalised after Mac. Other names stay lower case after Mac (Macron, Macias,
#: Machiavelli), because there are too many of them to list.
_AFTER_MAC: Final = """\
arthur askill bean beth bride cabe callum cann carthy coll cormack diarmid donald donnell dougal
dougall dowell duff eachern ewan ewen fadyen farlane gill gillivray gowan gregor innes intosh
intyre isaac iver ivor kay kellar kenna kenzie kinlay kinley kinnon lachlan laine laren lauchlan
laughlin lean leay lellan lennan leod manus master millan murray nab namara naughton neil neill
nicol phail phee pherson quarrie queen rae ritchie sween sweeney taggart tavish vicar whirter
william
"""


def strip_copyright(draft: Draft) -> Draft:
    """Remove ``©``, ``(c)``, ``Copyright 2019 by`` and similar prefixes from names."""
    changes = {}
    for name in _NAME_FIELDS:
        text = draft.text(name)
        found = _COPYRIGHT.match(text)
        if found and (rest := text[found.end() :].strip()):
            changes[name] = rest
    return draft.with_metadata(**changes) if changes else draft


def split_byline_credit(draft: Draft) -> Draft:
    """Separate photographers from agencies where one field has both, separated by slashes.

    Everything after the first name of the byline is moved to the front of the credit. A
    photographer's name is removed from the credit. A byline that equals the credit is removed.
    """
    byline, credit = _parts(draft.text("byline")), _parts(draft.text("credit"))
    if len(byline) < 2 and len(credit) < 2:  # noqa: PLR2004 - nothing to separate
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
    """Join the initials of a photographer, without full stops: ``JA Smith``."""
    words = draft.text("byline").split()
    count = next((n for n, word in enumerate(words) if not _INITIAL.fullmatch(word)), len(words))
    if not 0 < count < len(words):
        return draft
    initials = "".join(words[:count]).replace(".", "").upper()
    return draft.with_metadata(byline=" ".join([initials, *words[count:]]))


def title_case_names(draft: Draft) -> Draft:
    """Change a byline in capitals to title case: ``Vincent van Gogh``, ``Ian McEwan``.

    A single word is kept, because it may be an agency.
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
    # Only between other words: in KIM LE and VAN MORRISON the particle is a name.
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
    if small.startswith("mc") and len(small) > 3:  # noqa: PLR2004 - Mc alone is not a name
        return f"Mc{small[2:].capitalize()}"
    if small.startswith("mac") and small[3:] in _AFTER_MAC.split():
        return f"Mac{small[3:].capitalize()}"
    return small.capitalize()


def _parts(text: str) -> list[str]:
    if _UNSPLIT.search(text):
        return [text.strip()]
    return [part for each in text.split("/") if (part := each.strip())]


def _folded(parts: list[str]) -> list[str]:
    return [part.casefold() for part in parts]
