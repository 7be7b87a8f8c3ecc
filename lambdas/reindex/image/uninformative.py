"""Texts that say nothing: what cameras and programs write by themselves, and placeholders.

Such a text stays in ``fileMetadata``, but no field of ``originalMetadata`` takes it: the next
source is asked. The lists are data; each entry names who writes it and where that is known from.
They were gathered from public reports and from the texts in a corpus of real photos.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

_LONGEST: Final = 120
"""Characters; a longer text says something."""

_SPEAKING: Final = frozenset({"description", "title"})
_PLACES: Final = frozenset({"subLocation", "city", "state", "country"})
_SINGLE: Final = _SPEAKING | {
    "byline",
    "bylineTitle",
    "copyright",
    "credit",
    "source",
    "suppliersReference",
}
_LISTS: Final = frozenset({"keywords", "peopleInImage"})

INATURALIST: Final = "github.com/inaturalist/inaturalist/issues/1323"
PHOTOPRISM: Final = "github.com/photoprism/photoprism/pull/5078, and the list that it extends"
GTHUMB: Final = "gThumb's filter of comments"
CORPUS: Final = "photos of the metadata-extractor image database"
FORM: Final = "the form of the text"


@dataclass(frozen=True, slots=True)
class Entry:
    """Texts that one kind of writer leaves where nobody wrote anything.

    Attributes:
        forms: Regular expressions of the whole text, its blanks collapsed. Small letters stand
            for capitals, too, unless ``cased``.
        writer: Who writes it.
        known_from: Where that is reported.
        fields: Which fields it is nothing in.
        only_copies: Somebody may mean these words: they count only where the description in the
            file's Exif is the same text, from which programs copy it to other places.
        cased: Whether capitals count.
    """

    forms: tuple[str, ...]
    writer: str
    known_from: str
    fields: frozenset[str] = _SPEAKING
    only_copies: bool = False
    cased: bool = False


_MAKERS: Final = (
    "agfa|aiptek|benq|canon|casio|concord|epson|fujifilm|ge|hp|jenoptik|kodak|konica|kyocera|leica"
    "|lumix|medion|minolta|minox|moultrie|nikon|olympus|panasonic|pentax|polaroid|praktica|premier"
    "|ricoh|rollei|samsung|sanyo|sigma|sony|toshiba|traveler|vivitar|yakumo|yashica"
)

DEFAULTS: Final = (
    Entry(
        (
            rf"(?:(?:{_MAKERS}) ){{0,2}}digital (?:still |game |video )?camera",
            r"sony dsc",
            r"minolta ?dsc",
            r"epson dsc picture",
            r"samsung camera pictures",
            r"<[^<>]*(?:samsung|kenox|digimax)[^<>]*>",
        ),
        "cameras: the name of their kind",
        f"{INATURALIST}; {PHOTOPRISM}; {CORPUS}",
    ),
    Entry(
        (r"(?:[A-Z0-9&.,'-]+ ){1,4}(?:DIGITAL|STILL|GAME|VIDEO) CAMERA",),
        "cameras: the name of their kind",
        INATURALIST,
        only_copies=True,
        cased=True,
    ),
    Entry(
        (r"exif[ _-]?jpeg(?:[ _-]?picture)?", r"dcf \d\.\d", r"charset=ascii", "binary comment"),
        "cameras: the name of the file's format",
        f"{PHOTOPRISM}; {GTHUMB}; {CORPUS}",
    ),
    Entry(
        (r"my beautiful picture", r"dvc \d[\d.]* hdmi", r"hellomoto"),
        "cameras of Medion, Motorola and others",
        PHOTOPRISM,
    ),
    Entry(
        (
            r"samsung|scanner|default|smart|burst|hdr",
            (
                r"rhdr|hdrpl|oznor(?:wo)?|frontbhd[pr]|fbt(?:hdr)?|rbt|ptr|btr|btf(?:mdn|hdr)?|mon|nor"
                r"|dav|mde(?:_soft)?|edf|frem|rpt|sdr_hdrb|cof|qrf|fshbty|bsh|_cuva"
            ),
        ),
        "cameras of Huawei, Samsung and Kodak: how the picture was taken",
        PHOTOPRISM,
        only_copies=True,
    ),
    Entry(
        (
            r"dcim[\\/]\S+",
            (
                r"_?(?:img|mg|dsc|dscn|dscf|dsci|dcp|pict|imgp|sany|sdc|hpim|cimg|gopr|dji|pxl|pano|mvc)"
                r"[_-]?\d{3,}(?:[_~-]\w{1,12})?(?:\.\w{3,4})?"
            ),
        ),
        "cameras and programs: the name of the file",
        f"PhotoPrism's rule for descriptions; {CORPUS}",
    ),
    Entry(
        (
            r"created (?:by imlib|with (?:the )?gimp)",
            r"iclarified",
            r"applemark",
            r"lead technologies inc\. v[\d.]+",
            r"creator: gd-jpeg v[\d.]+.*",
            r"file written by adobe photoshop.*",
            r"processed with (?:vsco ?(?:cam)?|moldiv|rookie)\b.*",
        ),
        "programs: their own name",
        f"{PHOTOPRISM}; comments that the programs write unless told otherwise",
    ),
    Entry(
        (r"untitled(?:[- ]?\d+)?",),
        "programs: the name of a new document",
        "Adobe Photoshop's name for it",
        _SPEAKING | {"suppliersReference"},
    ),
    Entry(
        (
            r"(?:copyright|\(c\)|©)[\s,.:©]*(?:\(c\))?[\s,]*(?:\d{4})?[\s,.]*",
            r"\(c\) by \S+ user",
        ),
        "cameras whose owner is not set",
        CORPUS,
        frozenset({"copyright"}),
    ),
    Entry(
        (r"picasa(?: [\d.]+)?",),
        "Picasa: its own name",
        "the Exif artist of photos that it saved",
        frozenset({"byline"}),
    ),
)
"""What cameras and programs write by themselves."""

_FIELD: Final = (
    r"(?:(?:photo )?(?:captions?|descriptions?|headlines?|titles?|object ?names?|by-?lines?"
    r"|credits?(?: lines?)?|creators?|authors?|photographers?|copyright(?: notice)?|sources?"
    r"|keywords?|city|country|state|province|(?:sub-?)?locations?|(?:special )?instructions?"
    r"|names?|text|comments?|metadata|info(?:rmation)?))"
)
_ELSEWHERE: Final = (
    rf"(?:{_FIELD}|below|above|bildtext|beschreibung|bildunterschrift|l[ée]gende|pie de foto"
    r"|leyenda|didascalia|bijschrift)"
)
_GIVEN: Final = r"(?:available|given|provided|entered|supplied|set|specified)"

PLACEHOLDERS: Final = (
    Entry(
        (r"[\s\-\u2013\u2014_.…·•,;:?!*#/\\|+=~^'\"`()\[\]{}<>]+",),
        "people: marks that are no words",
        FORM,
        _SINGLE | _PLACES | _LISTS | {"specialInstructions"},
    ),
    Entry(
        (
            r"n/a|n\.a\.|nil|null|undefined|tb[acd]|todo|\(?binary data.*",
            r"string with binary data.*|lorem ipsum\b.*",
        ),
        "people and programs: that there is nothing",
        FORM,
        _SINGLE | _PLACES | _LISTS | {"specialInstructions"},
    ),
    Entry(
        (
            r"unknown|unspecified|xxx+|unbekannt|keine? angaben?|k\. ?a\.|inconnue?|desconocid[oa]",
            r"desconhecid[oa]|sconosciut[oa]|onbekend|ukjent|okänd|ohne titel|sans titre",
            r"sin t[ií]tulo|senza titolo|zonder titel",
        ),
        "people and programs: that nothing is known",
        FORM,
        _SINGLE | _PLACES | {"peopleInImage"},
    ),
    # A town of Piedmont has that name.
    Entry(
        (r"none",),
        "people and programs: that there is nothing",
        FORM,
        (_SINGLE | _LISTS | {"country", "specialInstructions"}),
    ),
    Entry(
        (
            rf"(?:no|without|missing|kein|sans|sin) {_FIELD}(?: (?:is |was )?{_GIVEN})?(?: yet)?",
            rf"(?:{_FIELD} )?(?:is |was )?(?:not|un) ?{_GIVEN}(?: yet)?",
            r"not (?:applicable|known)",
        ),
        "people and programs: that there is nothing",
        FORM,
        _SINGLE | _PLACES,
    ),
    Entry(
        (
            (
                rf"(?:the )?(?:{_FIELD} )?(?:is )?too long(?: for (?:this |the )?field)?"
                r"(?:[\s,.;:/()\u2013-]+(?:please )?(?:see .*|truncated|cut))?"
            ),
            (
                r"(?:(?:multiple|various|several)[\s,;:/()\u2013-]+)?"
                r"(?:please )?(?:see|refer to|cf\.?|siehe|s\.|voir|ver|vedi|zie) "
                rf"(?:the |in |die |das |la |le |el )?{_ELSEWHERE}"
                rf"(?: (?:field|below|above|for (?:the |full |more )?(?:details|{_FIELD})))?"
            ),
            rf"(?:full |complete )?{_FIELD} (?:is |are )?(?:given |listed )?in (?:the )?{_FIELD}",
        ),
        "picture desks: that the text is elsewhere",
        FORM,
        _SINGLE | _PLACES,
    ),
    Entry(
        (
            (
                r"(?:please )?(?:enter|insert|type|add|write|put|fill in) "
                rf"(?:an? |the |your )?{_FIELD}(?: here)?"
            ),
            rf"(?:your )?{_FIELD} (?:goes )?here",
            rf"your (?:company|{_FIELD})",
            rf"[%$#@\[{{<]+{_FIELD}[%\]}}>]*",
        ),
        "programs: a prompt that nobody answered",
        FORM,
        _SINGLE | _PLACES | {"peopleInImage", "specialInstructions"},
    ),
)
"""What says that it says nothing. Brackets and quotation marks around it do not count."""

_AROUND: Final = (
    " \t\r\n()[]{}<>\"'*.:;!-_\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
    "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}\N{EN DASH}\N{EM DASH}"
    "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}"
)


@dataclass(frozen=True, slots=True)
class Written:
    """What a file's Exif says of the camera and of the program that wrote it.

    Attributes:
        description: What it has for a description, see :attr:`Entry.only_copies`.
        names: Maker, model and software, each alone, and maker and model together.
    """

    description: str = ""
    names: frozenset[str] = frozenset()


def written_by_camera(exif: Mapping[str, Any]) -> Written:
    """Return what IFD0 says of who wrote the file."""
    texts = [_words(exif.get(tag)) for tag in ("Make", "Model", "Software")]
    names = {*texts, f"{texts[0]} {texts[1]}"} - {"", " "}
    return Written(
        _words(exif.get("ImageDescription")), frozenset(name.casefold() for name in names)
    )


def _words(value: object) -> str:
    return " ".join(value[: 2 * _LONGEST].split()) if isinstance(value, str) else ""


def why_uninformative(field: str, text: str, written: Written = Written()) -> str | None:
    """Return why a text says nothing in a field, or None when it says something.

    Args:
        field: Of ``originalMetadata``.
        text: Clean.
        written: By the file's camera or program.
    """
    if len(text) > _LONGEST:
        return None
    words = " ".join(text.split())
    if field in _SPEAKING and words.casefold() in written.names:
        return "says nothing; left by cameras and programs: their own name"
    return _why(field, words, words == written.description)


@lru_cache(maxsize=4096)
def _why(field: str, words: str, copied: bool) -> str | None:  # noqa: FBT001
    entries, form = _forms(field, copied)
    found = form.fullmatch(words) or form.fullmatch(words.strip(_AROUND))
    if found is None or not found.lastgroup:
        return None
    return f"says nothing; left by {entries[int(found.lastgroup[1:])].writer}"


@cache
def _forms(field: str, copied: bool) -> tuple[list[Entry], re.Pattern[str]]:  # noqa: FBT001
    """Return the entries for a field, and one expression with a group for each."""
    entries = [
        entry
        for entry in (*DEFAULTS, *PLACEHOLDERS)
        if field in entry.fields and (copied or not entry.only_copies)
    ]
    groups = (
        f"(?P<e{number}>{'' if entry.cased else '(?i:'}{'|'.join(entry.forms)}"
        f"{'' if entry.cased else ')'})"
        for number, entry in enumerate(entries)
    )
    return entries, re.compile("|".join(groups))
