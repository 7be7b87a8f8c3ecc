"""How far what we extract agrees with what ExifTool reads, field by field.

ExifTool names and writes values in its own way. Before two values are compared both are
brought to one form; that is all the normalisation there is:

- names: ExifTool's own tag names are mapped to those of the standards (tables below); letter case
  and punctuation do not count, nor do XMP's namespaces within structures;
- text: Unicode NFC, outer blanks, NULs and line ends' kind do not count; absent equals empty;
- numbers: equal when their difference is below one millionth of them; a rational is its
  quotient; values in APEX units are converted as ExifTool converts them
  (ShutterSpeedValue, ApertureValue, MaxApertureValue); truths are words in any case;
- dates: `2021-10-20T21:01:01`, `2021:10:20 21:01:01` and, in IPTC, `20211020` and `210101`
  are one form; XMP's `34,30.5N` is a signed number of degrees;
- terms of the PLUS vocabulary are written without its URI; escape characters are written `\\x1b`;
- sizes have no sign (ExifTool shows a BMP's negative width as a number of 32 bits);
- a list of one equals its only entry.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reindex.image.xmp import Alternatives, Structure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reindex.image.truth import FileMetadata
    from reindex.image.xmp import Value

EXIF_NAMES = {
    "CreateDate": "DateTimeDigitized",
    "ExifImageHeight": "PixelYDimension",
    "ExifImageWidth": "PixelXDimension",
    "ExposureCompensation": "ExposureBiasValue",
    "FocalLengthIn35mmFormat": "FocalLengthIn35mmFilm",
    "ISO": "PhotographicSensitivity",
    "ImageHeight": "ImageLength",
    "InteropIndex": "InteroperabilityIndex",
    "InteropVersion": "InteroperabilityVersion",
    "LensInfo": "LensSpecification",
    "ModifyDate": "DateTime",
    "OldSubfileType": "SubfileType",
    "OwnerName": "CameraOwnerName",
    "RelatedImageHeight": "RelatedImageLength",
    "SerialNumber": "BodySerialNumber",
    "SubfileType": "NewSubfileType",
    "SubSecTimeDigitized": "SubSecTimeDigitized",
    "CompositeImageCount": "SourceImageNumberOfCompositeImage",
    "CompositeImageExposureTimes": "SourceExposureTimesOfCompositeImage",
    "Opto-ElectricConvFactor": "OECF",
    "TileLength": "TileLength",
}
"""ExifTool's tag names that are not the standard's."""

IPTC_NAMES = {
    "applicationrecordversion": "recordversion",
    "enveloperecordversion": "enveloperecordversion",
    "exifcamerainfo": "camerainformation",
    "fileformat": "fileformat",
    "fileversion": "fileformatversion",
    "uniqueobjectname": "uno",
    "originaltransmissionreference": "originaltransmissionreference",
}

ICC_NAMES = {
    "ICC-header:ColorSpaceData": "Color space",
    "ICC_Profile:ProfileDescription": "Profile Description",
}

XMP_GROUPS = {
    "acdsee": "acdsee",
    "getty": "GettyImagesGIFT",
    "iptcCore": "Iptc4xmpCore",
    "iptcExt": "Iptc4xmpExt",
    "microsoft": "MicrosoftPhoto",
    "photomech": "photomechanic",
}
"""ExifTool's groups that are not the namespace's preferred prefix."""

XMP_NAMES = {
    ("x", "xmptoolkit"): "xmptk",
    ("Iptc4xmpExt", "additionalmodelinformation"): "addlmodelinfo",
    ("Iptc4xmpExt", "digitalimageguid"): "digimageguid",
    ("Iptc4xmpExt", "personinimagewdetails"): "personinimagewdetails",
    ("GIMP", "api"): "api",
    ("GImage", "imagemimetype"): "mime",
    ("MP", "regioninfomp"): "regioninfo",
    ("MicrosoftPhoto", "ratingpercent"): "rating",
    ("photoshop", "iccprofilename"): "iccprofile",
    ("exif", "exifimageheight"): "pixelydimension",
    ("exif", "exifimagewidth"): "pixelxdimension",
    ("exif", "exposurecompensation"): "exposurebiasvalue",
    ("exif", "iso"): "isospeedratings",
    ("tiff", "imageheight"): "imagelength",
}

_APEX = {"shutterspeedvalue": -1.0, "aperturevalue": 0.5, "maxaperturevalue": 0.5}

_PLUS = "http://ns.useplus.org/ldf/vocab/"

_CONTAINERS = ("File", "PNG", "GIF", "RIFF", "Photoshop", "IFD0")


SECOND_RECORD = "second iptc record"
"""An image has one IPTC record in its document; ExifTool shows a second one (in the Exif block,
in the trailer of an archive's software) beside it. Compared, but counted apart."""


@dataclass(slots=True)
class Disagreement:
    """One field that differs."""

    name: str
    ours: object
    theirs: object


@dataclass(slots=True)
class Agreement:
    """Fields compared, by kind (`mime`, `dimensions`, `exif`, `iptc`, `xmp`)."""

    compared: Counter[str] = field(default_factory=Counter)
    agreed: Counter[str] = field(default_factory=Counter)
    disagreements: list[tuple[str, Disagreement]] = field(default_factory=list)

    def add(self, other: Agreement) -> None:
        """Count the fields of another image too."""
        self.compared += other.compared
        self.agreed += other.agreed
        self.disagreements += other.disagreements

    def note(self, kind: str, name: str, ours: object, theirs: object) -> None:
        """Count one field that was compared."""
        self.compared[kind] += 1
        if ours == theirs:
            self.agreed[kind] += 1
        else:
            self.disagreements.append((kind, Disagreement(name, ours, theirs)))


def compare(
    found: FileMetadata, tree: Mapping[str, Value], reference: Mapping[str, Any]
) -> Agreement:
    """Compare one image's metadata with the reference's.

    Args:
        found: What we extracted.
        tree: Its XMP properties before they were flattened.
        reference: ExifTool's values by `group:name`.
    """
    result = Agreement()
    if "File:MIMEType" in reference:
        result.note("mime", "MIMEType", found.mime_type, reference["File:MIMEType"])
    size = _size(reference)
    if size is not None:
        result.note(
            "dimensions", "ImageSize", (found.dimensions.width, found.dimensions.height), size
        )
    exif = found.exif, found.exif_sub
    iptc = {_plain(name): value for name, value in found.iptc.items()}
    xmp = _by_local_name(tree)
    for key, theirs in reference.items():
        group, _, name = key.partition(":")
        if group in ("IFD0", "GPS", "ExifIFD", "InteropIFD"):
            ours = exif[group in ("ExifIFD", "InteropIFD")].get(EXIF_NAMES.get(name, name))
            result.note("exif", key, *_pair(name, ours, theirs))
        elif group.startswith("IPTC"):
            plain = IPTC_NAMES.get(_plain(name), _plain(name))
            ours = iptc.get(plain)
            kind = "iptc" if group == "IPTC" else SECOND_RECORD
            result.note(kind, key, *_pair(name, ours, theirs, iptc=True))
        elif key in ICC_NAMES:
            result.note("icc", key, *_pair(name, found.icc.get(ICC_NAMES[key]), theirs))
        elif group.startswith("XMP-"):
            result.note("xmp", key, *_pair(name, _xmp(xmp, group[4:], name), theirs))
    return result


def _size(reference: Mapping[str, Any]) -> tuple[int, int] | None:
    for group in _CONTAINERS:
        if f"{group}:ImageWidth" in reference and f"{group}:ImageHeight" in reference:
            sides = reference[f"{group}:ImageWidth"], reference[f"{group}:ImageHeight"]
            return _unsigned(sides[0]), _unsigned(sides[1])
    return None


def _unsigned(side: int) -> int:
    return 2**32 - side if side >= 2**31 else side


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _by_local_name(tree: Mapping[str, Value]) -> dict[tuple[str, str], Value]:
    return {
        (prefix, _plain(local)): value
        for name, value in tree.items()
        for prefix, _, local in [name.partition(":")]
    }


def _xmp(tree: Mapping[tuple[str, str], Value], group: str, name: str) -> object:
    prefix = XMP_GROUPS.get(group, group)
    base, _, language = name.partition("-")
    plain = XMP_NAMES.get((prefix, _plain(base)), _plain(base))
    value = tree.get((prefix, plain))
    if isinstance(value, Alternatives):
        return value.texts.get(language) if language else value.default
    return _as_plain(value)


def _as_plain(value: Value | None) -> object:
    if isinstance(value, Structure):
        return {name.rpartition(":")[2]: _as_plain(inner) for name, inner in value.fields.items()}
    if isinstance(value, list):
        return [_as_plain(item) for item in value]
    return value.default if isinstance(value, Alternatives) else value


def _pair(name: str, ours: object, theirs: object, *, iptc: bool = False) -> tuple[object, object]:
    """Return both values in their common form; equal ones are returned as the same."""
    left, right = _normal(ours, iptc=iptc), _normal(theirs, iptc=iptc)
    power = _APEX.get(_plain(name))
    if power is not None and (numbers := _numbers(left)):
        left = " ".join(str(2.0 ** (power * number)) for number in numbers)
    return (left, left) if _alike(left, right) else (left, right)


def _normal(value: object, *, iptc: bool) -> object:
    if isinstance(value, dict):
        inner = {_plain(str(key)): _normal(item, iptc=iptc) for key, item in value.items()}
        return {key: item for key, item in inner.items() if item not in ("", [], {})} or ""
    if isinstance(value, list):
        items = [_normal(item, iptc=iptc) for item in value]
        items = [item for item in items if item not in ("", [])]
        return items[0] if len(items) == 1 else items or ""
    if value is None:
        return ""
    text = unicodedata.normalize("NFC", str(value)).replace("\0", "")
    text = text.replace("\x1b", r"\x1b").removeprefix(_PLUS)
    text = re.sub(r"\r\n?", "\n", text).strip()
    return _date(text, iptc=iptc)


def _date(text: str, *, iptc: bool) -> str:
    if iptc:
        text = re.sub(r"^(\d{4})(\d\d)(\d\d)$", r"\1:\2:\3", text)
        text = re.sub(r"^(\d\d)(\d\d)(\d\d)(?:([+-]\d\d)(\d\d))?$", _iim_time, text)
    text = re.sub(r"\b(\d{4})-(\d\d)(?:-(\d\d))?(?!\d)", _iso_date, text)
    return re.sub(r"\b(\d{4}:\d\d:\d\d)T(\d\d:[\d:.]+) ?", r"\1 \2", text)


def _iso_date(match: re.Match[str]) -> str:
    return ":".join(part for part in match.groups() if part)


def _iim_time(match: re.Match[str]) -> str:
    hours, minutes, seconds, zone_hours, zone_minutes = match.groups()
    zone = f"{zone_hours}:{zone_minutes}" if zone_hours else ""
    return f"{hours}:{minutes}:{seconds}{zone}"


def _alike(left: object, right: object) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_alike(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_alike, left, right))
    if not isinstance(left, str) or not isinstance(right, str):
        return left == right
    if left == right or left.lower() == right.lower() in ("true", "false"):
        return True
    ours, theirs = _numbers(left), _numbers(right)
    return bool(ours) and len(ours) == len(theirs) and all(map(_close, ours, theirs))


def _close(left: float, right: float) -> bool:
    return abs(left - right) <= 1e-6 * max(abs(left), abs(right))


def _numbers(value: object) -> list[float]:
    """Return the numbers a value consists of, or none if it has anything else in it."""
    if not isinstance(value, str):
        return []
    degrees = re.fullmatch(r"(\d+),(\d+)(?:,(\d+)|(\.\d+))?([NSEW])", value)
    if degrees:
        whole, minutes, seconds, fraction, side = degrees.groups()
        number = int(whole) + float(minutes + (fraction or "")) / 60 + int(seconds or 0) / 3600
        return [-number if side in "SW" else number]
    found = []
    for part in value.replace("undef", "0").split():
        top, slash, bottom = part.partition("/")
        try:
            found.append(float(top) / float(bottom) if slash and part != "0/0" else float(top))
        except (ValueError, ZeroDivisionError):
            return []
    return found


def rates(agreement: Agreement, kinds: Iterable[str]) -> Iterator[tuple[str, int, int]]:
    """Yield kind, fields agreed and fields compared."""
    for kind in kinds:
        if agreement.compared[kind]:
            yield kind, agreement.agreed[kind], agreement.compared[kind]
