"""Uninformative texts: defaults that cameras and programs write, and placeholders.

Such a text stays in ``fileMetadata``, but no field of ``originalMetadata`` takes it; the next
source is used instead. The lists are data: each entry names its writer and its evidence. They
were collected from public reports and from a corpus of real photos.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

_LONGEST: Final = 120
"""Length in characters; a longer text is always informative."""

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
    """Uninformative texts of one kind of writer.

    Attributes:
        forms: Regular expressions that match the whole text, with runs of blanks collapsed;
            case-insensitive unless ``cased``.
        writer: The camera or program that writes the text, and the kind of text.
        example: A matching text.
        known_from: The evidence.
        fields: The fields in which the text is uninformative.
        only_copies: True for words that a person could have written. They are uninformative only
            if the Exif description is the same text, because programs copy it to other fields.
        cased: True if the expressions are case-sensitive.
    """

    forms: tuple[str, ...]
    writer: str
    example: str
    known_from: str
    fields: frozenset[str] = _SPEAKING
    only_copies: bool = False
    cased: bool = False


_MAKERS: Final = (
    "AGFA|AIPTEK|BENQ|CANON|CASIO|CONCORD|EPSON|FUJIFILM|GE|HP|JENOPTIK|KODAK|KONICA|KYOCERA|LEICA"
    "|LUMIX|MEDION|MINOLTA|MINOX|MOULTRIE|NIKON|OLYMPUS|PANASONIC|PENTAX|POLAROID|PRAKTICA|PREMIER"
    "|RICOH|ROLLEI|SAMSUNG|SANYO|SIGMA|SONY|TOSHIBA|TRAVELER|VIVITAR|YAKUMO|YASHICA"
)

DEFAULTS: Final = (
    Entry(
        (
            rf"(?:(?:{_MAKERS}) ){{0,2}}DIGITAL (?:STILL |GAME |VIDEO )?CAMERA",
            r"KODAK Digital Still Camera",
        ),
        "cameras: the name of their kind",
        "OLYMPUS DIGITAL CAMERA",
        f"{INATURALIST}; {PHOTOPRISM}; {CORPUS}",
        cased=True,
    ),
    Entry(
        (r"(?:[\w&.,'-]+ ){0,4}(?:digital|still|game|video) camera",),
        "cameras: the name of their kind",
        "Digital Camera",
        f"{INATURALIST}; {PHOTOPRISM}",
        only_copies=True,
    ),
    Entry(
        (
            r"sony dsc",
            r"minolta ?dsc",
            r"epson dsc picture",
            r"samsung camera pictures",
            r"<[^<>]*(?:samsung|kenox|digimax)[^<>]*>",
        ),
        "cameras: the name of their model or folder",
        "SONY DSC",
        f"{INATURALIST}; {PHOTOPRISM}; {CORPUS}",
    ),
    Entry(
        (r"exif[ _-]?jpeg(?:[ _-]?picture)?", r"dcf \d\.\d", r"charset=ascii", "binary comment"),
        "cameras: the name of the file's format",
        "Exif_JPEG_PICTURE",
        f"{PHOTOPRISM}; {GTHUMB}; {CORPUS}",
    ),
    Entry(
        (r"my beautiful picture", r"dvc \d[\d.]* hdmi", r"hellomoto"),
        "cameras: a greeting",
        "My beautiful picture",
        PHOTOPRISM,
    ),
    Entry(
        (
            r"samsung|scanner|default|smart|burst|hdr|rhdr|hdrpl|oznor(?:wo)?|frontbhd[pr]|fbt(?:hdr)?",
            r"rbt|ptr|btr|btf(?:mdn|hdr)?|mon|nor|dav|mde(?:_soft)?|edf|frem|rpt|sdr_hdrb|cof|qrf",
            r"fshbty|bsh|_cuva",
        ),
        "cameras: how the picture was taken",
        "oznorWO",
        PHOTOPRISM,
        only_copies=True,
    ),
    Entry(
        (
            r"dcim[\\/]\S+",
            (
                r"_?(?:img|mg|dsc|dscn|dscf|dsci|dcp|pict|imgp|sany|sdc|hpim|cimg|gopr|dji|pxl|pano"
                r"|mvc|mvimg|vid|fb_img|received|snapchat)[_-]?\d{3,}(?:[_~-]\w{1,12})?(?:\.\w{3,4})?"
            ),
            r"p\d{7}|\d{8}_\d{6}(?:_\w{1,12})?",
            r"whatsapp image \d[\d .-]* at \d[\d .]*(?:\.\w{3,4})?",
            r"\S+\.(?:jpe?g|jpe|tiff?|png|gif|bmp|heic|webp|psd|dng|nef|cr2|arw|raf|orf)",
        ),
        "cameras and programs: the name of the file",
        r"DCIM\100MEDIA\DJI_0008.JPG",
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
            r"(?:created|edited|made|saved|processed|exported) (?:by|with|in|using) adobe\b.*",
            r"(?:handmade software, inc|acd systems digital imaging|optimized by jpegmini)\b.*",
            (
                r"(?:shot on|(?:photo )?taken with|captured with) (?:(?:my|an?) )?(?:oneplus|mi"
                r"|redmi|poco|iphone|lumia|nokia|huawei|honor|galaxy|samsung|xperia|vivo|oppo|realme|gopro)"
                r"\b.{0,20}"
            ),
        ),
        "programs: their own name",
        "Processed with VSCO with a6 preset",
        f"{PHOTOPRISM}; comments that the programs write by default",
    ),
    Entry(
        (
            r"untitled(?:[-_ ]?(?:panorama)?\d+)?",
            (
                r"(?:unbenannt|sans titre|sin t[ií]tulo|senza titolo|sem t[ií]tulo|naamloos|namnlös"
                r"|без имени|名称未設定|未标题|未命名)[-_ ]?\d+"
            ),
        ),
        "programs: the name of a new document",
        "Untitled-1",
        "Adobe Photoshop's name for it",
        _SPEAKING | {"suppliersReference"},
    ),
    Entry(
        (
            r"(?:copyright|\(c\)|©)[\s,.:©]*(?:\(c\))?[\s,]*(?:\d{4})?[\s,.]*",
            r"\(c\) by \S+ user",
        ),
        "cameras whose owner is not set",
        "COPYRIGHT, 2007",
        CORPUS,
        frozenset({"copyright"}),
    ),
    Entry(
        (r"picasa(?: [\d.]+)?",),
        "Picasa: its own name",
        "Picasa",
        "the Exif artist of photos that it saved",
        frozenset({"byline"}),
    ),
)
"""Default texts of cameras and programs."""

_FIELD: Final = (
    r"(?:(?:photo )?(?:captions?|descriptions?|headlines?|titles?|object ?names?|by-?lines?"
    r"|credits?(?: lines?)?|creators?|authors?|photographers?|copyright(?: notice)?|sources?"
    r"|keywords?))"
)
_ELSEWHERE: Final = (
    rf"(?:{_FIELD}|(?:special )?instructions?|text|notes?|comments?|metadata|below|above"
    r"|iptc|exif|xmp|file ?info(?:rmation)?|file ?name"
    r"|bildtext|billedtekst|beschreibung|bildunterschrift|l[ée]gende|pie de foto|leyenda|didascalia"
    r"|bijschrift)"
)
_GIVEN: Final = r"(?:available|given|provided|entered|supplied|set|specified)"

PLACEHOLDERS: Final = (
    Entry(
        (r"[\s\-\u2013\u2014_.…·•,;:?!*#/\\|+=~^'\"`()\[\]{}<>]+", r"ÿ+"),
        "people: marks that are no words",
        "--",
        FORM,
        _SINGLE | _PLACES | _LISTS | {"specialInstructions"},
    ),
    Entry(
        (
            r"n ?/ ?a|n\.a\.?|nil|null|undefined|tb[acd]|todo|tktk|\(?binary data.*",
            r"to be (?:confirmed|advised|announced|added|determined)|to come",
            r"#(?:n/a|ref!|name\?|value!|div/0!)|\[object object\]|[\[<({](?:blank|empty)[\])>}]",
            r"string with binary data.*|lorem ipsum\b.*",
        ),
        "people and programs: that there is nothing",
        "N/A",
        FORM,
        _SINGLE | _PLACES | _LISTS | {"specialInstructions"},
    ),
    # Not for the city: None is a town in Piedmont.
    Entry(
        (
            r"none",
            r"aucune?|néant|ningun[oa]|nessun[oa]|nenhum[a]?|geen|keiner?|inget|нет|无|無|なし",
        ),
        "people and programs: that there is nothing",
        "None",
        FORM,
        (_SINGLE | _LISTS | {"country", "specialInstructions"}),
    ),
    Entry(
        (
            rf"(?:no|without|missing) {_FIELD}(?: (?:is |was )?{_GIVEN})?(?: yet)?",
            rf"(?:{_FIELD} )?(?:is |was )?(?:not|un|none) ?{_GIVEN}(?: yet)?",
            r"not (?:applicable|known)",
            r"keine? (?:beschreibung|bildunterschrift|bildtext|titel|angaben?)|k\. ?a\.",
            r"sans (?:l[ée]gende|titre)|sin (?:descripci[oó]n|t[ií]tulo)|senza titolo",
            r"zonder titel|ohne titel",
        ),
        "people and programs: that there is nothing",
        "No caption available",
        FORM,
        _SINGLE | _PLACES,
    ),
    Entry(
        (
            r"unknown|unspecified|xxx+|unbekannt|inconnue?|desconocid[oa]|desconhecid[oa]",
            r"sconosciut[oa]|onbekend|ukjent|okänd|неизвест(?:но|ен)|不明|未知|不详",
        ),
        "people and programs: that nothing is known",
        "Unknown",
        FORM,
        _SINGLE | _PLACES | {"peopleInImage"},
    ),
    # Not in the description, where it may be meant: for example "photographer unknown".
    Entry(
        (
            rf"(?:un|not )(?:credited|attributed)|(?:by )?unknown {_FIELD}|{_FIELD}:? unknown",
            r"(?:ohne angabe|o\. ?a\.)",
        ),
        "people and programs: that nothing is known",
        "Photographer unknown",
        FORM,
        _SINGLE - _SPEAKING,
    ),
    Entry(
        (
            (
                rf"(?:the )?(?:{_FIELD} )?(?:is )?too long(?: for (?:this |the )?field)?"
                r"(?:[\s,.;:/()\u2013-]+(?:please )?(?:see .*|truncated|cut))?"
            ),
            (
                r"(?:(?:multiple|various|several)[\s,;:/()\u2013-]+)?"
                rf"(?:(?:mandatory )?{_FIELD}[\s,;:/()\u2013-]+)?"
                r"(?:please )?(?:see|refer to|cf\.?|siehe|s\.|voir|v[ée]ase|ver|vedi|zie|se) "
                rf"(?:the |in |die |das |la |le |el )?{_ELSEWHERE}"
                rf"(?: (?:field|below|above|for (?:the |full |more )?(?:details|{_FIELD})))?"
            ),
            rf"(?:full |complete )?{_FIELD} (?:is |are )?(?:given )?in (?:the )?{_ELSEWHERE}",
        ),
        "picture desks: that the text is elsewhere",
        "(Credit too long, see caption)",
        FORM,
        _SINGLE | _PLACES,
    ),
    Entry(
        (
            (
                r"(?:please )?(?:enter|insert|type|add|write|put|fill in) "
                rf"(?:an? |the |your )?(?:{_FIELD}|text)(?: here)?"
            ),
            rf"(?:your )?(?:{_FIELD}|text) (?:goes )?here",
            rf"[%$#@\[{{<]+{_FIELD}[%\]}}>]*",
        ),
        "programs: a prompt that nobody answered",
        "[caption]",
        FORM,
        _SINGLE | _PLACES | {"peopleInImage", "specialInstructions"},
    ),
    Entry(
        (
            r"your (?:full |company )?(?:name|company|agency|organi[sz]ation)(?: name)?(?: here)?",
            r"(?:photographer|author|creator|company|agency)(?:[\u2019']?s)? name",
            r"first ?name[ ,]+last ?name",
        ),
        "programs: a prompt that nobody answered",
        "Your name here",
        FORM,
        _SINGLE - _SPEAKING,
    ),
)
"""Placeholders for an unknown or empty value; brackets and quotation marks are ignored."""

_PARTS: Final = re.compile(r"[,;|]")

_AROUND: Final = (
    " \t\r\n()[]{}<>\"'*.:;!-_\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
    "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}\N{EN DASH}\N{EM DASH}"
    "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}"
)


@dataclass(frozen=True, slots=True)
class FileWriter:
    """The Exif values that identify the camera or program that wrote a file.

    Attributes:
        description: The Exif description, see :attr:`Entry.only_copies`.
        names: Maker, model and software, each alone, and maker and model together.
    """

    description: str = ""
    names: frozenset[str] = frozenset()


def file_writer(exif: Mapping[str, Any]) -> FileWriter:
    """Return the values of IFD0 that identify the file's writer."""
    texts = [_words(exif.get(tag)) for tag in ("Make", "Model", "Software")]
    names = {*texts, f"{texts[0]} {texts[1]}"} - {"", " "}
    return FileWriter(
        _words(exif.get("ImageDescription")), frozenset(name.casefold() for name in names)
    )


def _words(value: object) -> str:
    return " ".join(value[: 2 * _LONGEST].split()) if isinstance(value, str) else ""


def why_uninformative(field: str, text: str, writer: FileWriter = FileWriter()) -> str | None:
    """Return why a text is uninformative in a field, or None when it is informative.

    Args:
        field: A field of ``originalMetadata``.
        text: The cleaned text.
        writer: The values that identify the file's camera or program.
    """
    if len(text) > _LONGEST:
        return None
    words = " ".join(text.split())
    if field in _SPEAKING and words.casefold() in writer.names:
        return "says nothing; left by cameras and programs: their own name"
    return _why(field, words, words == writer.description)


@lru_cache(maxsize=4096)
def _why(field: str, words: str, copied: bool) -> str | None:  # noqa: FBT001
    entries, form = _forms(field, copied)
    found = form.fullmatch(words) or form.fullmatch(words.strip(_AROUND))
    if found is None:
        # A program's template in which every part is a placeholder: "Unknown, Unknown".
        parts = [form.fullmatch(part.strip(_AROUND)) for part in _PARTS.split(words)]
        found = parts[0] if all(parts) else None
    if found is None or not found.lastgroup:
        return None
    return f"says nothing; left by {entries[int(found.lastgroup[1:])].writer}"


@cache
def _forms(field: str, copied: bool) -> tuple[list[Entry], re.Pattern[str]]:  # noqa: FBT001
    """Return the entries for a field, and one expression with a group for each entry."""
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
