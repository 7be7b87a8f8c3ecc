"""XMP packets: reads the properties as a tree, and flattens them for a search document.

The XML is read by defusedxml's parser: no document type, no entities, no external
references; depth and number of elements are bounded. The RDF is interpreted according to the
XMP specification part 1 (ISO 16684-1:2019), 7. Of a damaged packet, the part before the damage
is read.

Names are ``prefix:name`` with the namespace's preferred prefix, whatever prefix the file
uses; an unknown namespace keeps the file's prefix. The flattened form is:

- a simple value is a string;
- an array is a list of strings;
- for language alternatives, ``dc:title`` holds the non-blank ``x-default``, else the first
  non-blank text; each other language has a key such as ``dc:title[@fr-FR]``;
- a structure's fields are paths: ``Iptc4xmpCore:CreatorContactInfo/Iptc4xmpCore:CiAdrCity``;
- an array of structures becomes one list for each field. The lists are aligned: the n-th entry
  belongs to the n-th structure, with ``∅`` for a missing field. An array within such a
  structure is one entry, joined by ``"; "``.

Pictures and tables encoded as text (2,048 characters without a blank) are left out.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from reindex.image.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MISSING: Final = "\N{EMPTY SET}"
"""The entry of an aligned list for a structure that lacks the field."""

MAX_DEPTH: Final = 64
MAX_NODES: Final = 50_000
"""Largest number of elements and attributes in one packet."""

MAX_REPAIRED: Final = 256 * 1024
"""Longest packet, in characters, that is repaired, because a repair is slow."""

MAX_ENCODED: Final = 2048
"""Length from which a value without a blank is an encoded picture or table."""

_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XML: Final = "http://www.w3.org/XML/1998/namespace"
_ROOT: Final = f"{{{_RDF}}}RDF"
_DESCRIPTION: Final = f"{{{_RDF}}}Description"
_ARRAYS: Final = {f"{{{_RDF}}}{kind}" for kind in ("Bag", "Seq", "Alt")}
_ALT: Final = f"{{{_RDF}}}Alt"
_RESOURCE: Final = f"{{{_RDF}}}resource"
_PARSE_TYPE: Final = f"{{{_RDF}}}parseType"
_VALUE: Final = f"{{{_RDF}}}value"
_ABOUTS: Final = (f"{{{_RDF}}}about", "about")
_LANG: Final = f"{{{_XML}}}lang"
_DEFAULT: Final = "x-default"
_TOOLKITS: Final = ("{adobe:ns:meta/}xmptk", "{adobe:ns:meta/}xaptk")

PREFIXES: Final = {
    "adobe:ns:meta/": "x",
    _RDF: "rdf",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/dc/terms/": "dcterms",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/xap/1.0/rights/": "xmpRights",
    "http://ns.adobe.com/xap/1.0/mm/": "xmpMM",
    "http://ns.adobe.com/xap/1.0/bj/": "xmpBJ",
    "http://ns.adobe.com/xap/1.0/t/pg/": "xmpTPg",
    "http://ns.adobe.com/xap/1.0/t/": "xmpT",
    "http://ns.adobe.com/xap/1.0/g/": "xmpG",
    "http://ns.adobe.com/xap/1.0/g/img/": "xmpGImg",
    "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#": "stEvt",
    "http://ns.adobe.com/xap/1.0/sType/ResourceRef#": "stRef",
    "http://ns.adobe.com/xap/1.0/sType/Version#": "stVer",
    "http://ns.adobe.com/xap/1.0/sType/Dimensions#": "stDim",
    "http://ns.adobe.com/xap/1.0/sType/Font#": "stFnt",
    "http://ns.adobe.com/xap/1.0/sType/Job#": "stJob",
    "http://ns.adobe.com/xap/1.0/sType/ManifestItem#": "stMfs",
    "http://ns.adobe.com/xmp/note/": "xmpNote",
    "http://ns.adobe.com/xmp/1.0/DynamicMedia/": "xmpDM",
    "http://ns.adobe.com/xmp/sType/Area#": "stArea",
    "http://ns.adobe.com/xmp/Identifier/qual/1.0/": "xmpidq",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/camera-raw-settings/1.0/": "crs",
    "http://ns.adobe.com/camera-raw-defaults/1.0/": "crd",
    "http://ns.adobe.com/camera-raw-saved-settings/1.0/": "crss",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/exif/1.0/aux/": "aux",
    "http://cipa.jp/exif/1.0/": "exifEX",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/pdf/1.3/": "pdf",
    "http://ns.adobe.com/lightroom/1.0/": "lr",
    "http://ns.adobe.com/bridge/1.0/": "bridge",
    "http://ns.adobe.com/creatorAtom/1.0/": "creatorAtom",
    "http://ns.adobe.com/hdr-gain-map/1.0/": "hdrgm",
    "http://ns.adobe.com/illustrator/1.0/": "illustrator",
    "http://ns.adobe.com/album/1.0/": "album",
    "http://ns.adobe.com/StockPhoto/1.0/": "bmsp",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://ns.useplus.org/ldf/xmp/1.0/": "plus",
    "http://prismstandard.org/namespaces/basic/2.0/": "prism",
    "http://prismstandard.org/namespaces/basic/3.0/": "prism",
    "http://prismstandard.org/namespaces/prismusagerights/2.1/": "pur",
    "http://xmp.gettyimages.com/gift/1.0/": "GettyImagesGIFT",
    "http://creativecommons.org/ns#": "cc",
    "http://www.metadataworkinggroup.com/schemas/regions/": "mwg-rs",
    "http://www.metadataworkinggroup.com/schemas/keywords/": "mwg-kw",
    "http://www.metadataworkinggroup.com/schemas/collections/": "mwg-coll",
    "http://ns.microsoft.com/photo/1.0": "MicrosoftPhoto",
    "http://ns.microsoft.com/photo/1.0/": "MicrosoftPhoto",
    "http://ns.microsoft.com/photo/1.2/": "MP",
    "http://ns.microsoft.com/photo/1.2/t/RegionInfo#": "MPRI",
    "http://ns.microsoft.com/photo/1.2/t/Region#": "MPReg",
    "http://ns.camerabits.com/photomechanic/1.0/": "photomechanic",
    "http://ns.acdsee.com/iptc/1.0/": "acdsee",
    "http://www.digikam.org/ns/1.0/": "digiKam",
    "http://ns.google.com/photos/1.0/depthmap/": "GDepth",
    "http://ns.google.com/photos/1.0/focus/": "GFocus",
    "http://ns.google.com/photos/1.0/image/": "GImage",
    "http://ns.google.com/photos/1.0/panorama/": "GPano",
    "http://ns.google.com/photos/1.0/camera/": "GCamera",
    "http://ns.google.com/photos/1.0/container/": "Container",
    "http://ns.google.com/photos/1.0/container/item/": "Item",
    "http://ns.apple.com/faceinfo/1.0/": "apple-fi",
    "http://www.gimp.org/xmp/": "GIMP",
    "http://ns.exiftool.ca/1.0/": "et",
    "http://www.audio/": "audio",
}
"""Preferred prefixes by namespace, as the namespaces' owners publish them."""

_TAKEN: Final = frozenset(PREFIXES.values())


def _plain(uri: str) -> str:
    """Return a namespace normalised for variants that some writers use."""
    return uri.removeprefix("https://").removeprefix("http://").rstrip("/#")


_MISSPELT: Final = {_plain(uri): prefix for uri, prefix in PREFIXES.items()}

_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks of encodings other than UTF-8."""

_WIDE: Final = {
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"<\0\0\0": "utf-32-le",
    b"\0\0\0<": "utf-32-be",
    b"<\0": "utf-16-le",
    b"\0<": "utf-16-be",
}
"""Encodings by a packet's first bytes; the parser supports UTF-8, and UTF-16 with a byte order
mark."""

_AS_LATIN1: Final = {0xDC00 + byte: byte for byte in range(0x80, 0x100)}
"""The Latin-1 characters for invalid UTF-8 bytes, as ``surrogateescape`` represents them."""


@dataclass(frozen=True, slots=True)
class Structure:
    """A structure: named fields in the order of the file."""

    fields: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Alternatives:
    """One text in several languages, by language tag in the order of the file."""

    texts: dict[str, str]

    @property
    def default(self) -> str:
        """The first non-blank text, ``x-default`` before the others."""
        return self.texts.get(_DEFAULT) or next(filter(None, self.texts.values()), "")


Value = str | list["Value"] | Structure | Alternatives


@dataclass(slots=True)
class _Node:
    tag: str
    attributes: dict[str, str]
    children: list[_Node] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.parts)


class _TooLarge(Exception):
    """The packet exceeds the limits on depth or number of elements."""


class _Tree:
    """Builds nodes from the parser's events, so that the nodes before an error are kept."""

    def __init__(self) -> None:
        self.root = _Node("", {})
        self.prefixes: dict[str, str] = {}
        self.cut = False
        self._open = [self.root]
        self._nodes = 0

    def start_ns(self, prefix: str, uri: str) -> None:
        self.prefixes.setdefault(uri, prefix)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._nodes += 1 + len(attributes)
        if self._nodes > MAX_NODES or len(self._open) > MAX_DEPTH:
            raise _TooLarge
        node = _Node(tag, attributes)
        self._open[-1].children.append(node)
        self._open.append(node)

    def end(self, _: str) -> None:
        self._open.pop()

    def data(self, text: str) -> None:
        self._open[-1].parts.append(text)

    def close(self) -> None:
        """Do nothing; the parser requires this method."""


class _Interpreter:
    """Interprets XMP's subset of RDF, with the prefixes of one packet."""

    def __init__(self, prefixes: dict[str, str]) -> None:
        self._prefixes = prefixes
        self._names: dict[str, str] = {}

    def properties(self, node: _Node) -> Iterator[tuple[str, Value]]:
        """Yield the properties of a description: its attributes, then its elements."""
        for key, text in node.attributes.items():
            if key.startswith("{") and not key.startswith((f"{{{_RDF}}}", f"{{{_XML}}}")):
                yield self.name(key), clean(text.strip())
        for child in node.children:
            if not child.tag.startswith(f"{{{_RDF}}}"):
                yield self.name(child.tag), self.value(child)

    def name(self, tag: str) -> str:
        """Return ``prefix:name`` of an expanded name."""
        known = self._names.get(tag)
        if known is None:
            uri, _, local = tag[1:].rpartition("}") if tag.startswith("{") else ("", "", tag)
            prefix = PREFIXES.get(uri) or (_MISSPELT.get(_plain(uri)) if uri else None)
            if prefix is None:
                prefix = self._prefixes.get(uri, "")
                if prefix in _TAKEN:
                    prefix += "_"  # another namespace under a well-known prefix
            known = f"{prefix}:{local}".strip(":").replace(".", "_")
            self._names[tag] = known
        return known

    def value(self, node: _Node) -> Value:
        """Return the value of a property element or array item (ISO 16684-1, 7.4 to 7.9)."""
        if _RESOURCE in node.attributes:
            return clean(node.attributes[_RESOURCE].strip())
        if node.attributes.get(_PARSE_TYPE) == "Resource":
            return self._structure(node)
        for child in node.children:
            if child.tag in _ARRAYS:
                return self._array(child)
            if child.tag == _DESCRIPTION or not child.tag.startswith(f"{{{_RDF}}}"):
                # A typed node is a description that also names its type.
                return self._structure(child)
        if _VALUE in node.attributes:
            return clean(node.attributes[_VALUE].strip())
        fields = dict(self.properties(node))
        return Structure(fields) if fields else clean(node.text.strip())

    def _structure(self, node: _Node) -> Value:
        """Return a structure, or only the value if the other fields are qualifiers (7.8)."""
        for child in node.children:
            if child.tag == _VALUE:
                return self.value(child)
        if _VALUE in node.attributes:
            return clean(node.attributes[_VALUE].strip())
        fields: dict[str, Value] = {}
        for name, value in self.properties(node):
            fields.setdefault(name, value)
        return Structure(fields)

    def _array(self, node: _Node) -> Value:
        if node.tag == _ALT and any(_LANG in child.attributes for child in node.children):
            texts: dict[str, str] = {}
            for child in node.children:
                value = self.value(child)
                language = child.attributes.get(_LANG, _DEFAULT)
                if language.lower() == _DEFAULT:
                    language = _DEFAULT
                if isinstance(value, str) and not texts.get(language):
                    texts[language] = value
            return Alternatives(texts)
        return [self.value(child) for child in node.children]


def read_xmp(packets: Iterable[bytes]) -> tuple[dict[str, Value], bool]:
    """Return the properties of XMP packets as a tree, and True if a packet was too large.

    If a property occurs twice, the first one wins.
    """
    found: dict[str, Value] = {}
    cut = False
    for packet in packets:
        tree = _parse(packet)
        cut |= tree.cut
        interpreter = _Interpreter(tree.prefixes)
        for node in _nodes(tree.root):
            if toolkit := _first_attribute(node, _TOOLKITS):
                found.setdefault("x:xmptk", toolkit)
            if node.tag != _ROOT:
                continue
            for description in node.children:
                if about := _first_attribute(description, _ABOUTS):
                    found.setdefault("rdf:about", about)
                for name, value in interpreter.properties(description):
                    found.setdefault(name, value)
    return found, cut


def _first_attribute(node: _Node, names: tuple[str, ...]) -> str:
    """Return the first attribute that is present; early writers used other names."""
    return next(
        (clean(node.attributes[name].strip()) for name in names if name in node.attributes), ""
    )


def _nodes(root: _Node) -> Iterator[_Node]:
    """Yield the top-level nodes, and the children of those that are not ``rdf:RDF``."""
    for node in root.children:
        yield node
        if node.tag != _ROOT:
            yield from node.children


def _parse(packet: bytes) -> _Tree:
    """Parse a packet; if it is not well-formed, repair it and parse it again."""
    codec = next((codec for start, codec in _WIDE.items() if packet.startswith(start)), None)
    if codec is not None:
        packet = packet.decode(codec, "replace").encode()
    data = packet if packet[:2] in _MARKS else packet.strip(b"\0 \t\r\n")
    tree, complete = _try_parse(data)
    if complete:
        return tree
    text = clean(data.decode("utf-8", "surrogateescape").translate(_AS_LATIN1))
    start = text.find("<")
    repaired, complete = _try_parse(_repaired(text[max(0, start) :]).encode())
    return repaired if complete or len(repaired.prefixes) > len(tree.prefixes) else tree


_DECLARATION: Final = re.compile(r"<\?xml\s[^>]{0,200}\?>")
_REFERENCE: Final = re.compile(r"&(#\d{1,7};|#x[0-9a-fA-F]{1,6};|\w{1,32};)?")
_BARE_LESS_THAN: Final = re.compile(r"<(?=[\s\d<=])")
_ELEMENT: Final = re.compile(r"<[A-Za-z_][\w.-]*(?::[\w.-]+)?")
_PREFIX: Final = re.compile(r"[<\s]([A-Za-z_][\w.-]*):[A-Za-z_][\w.-]*(?=[\s/>=])", re.ASCII)
_BINDING: Final = re.compile(r"\sxmlns:([\w.-]+)\s*=")
_XML_ENTITIES: Final = frozenset({"amp", "lt", "gt", "quot", "apos"})


def _repaired(text: str) -> str:
    """Return a packet without the common errors of hand-written XML.

    These are a declaration that is not at the beginning or names the wrong encoding, entity
    references that XML does not define, a less-than sign in text, and undeclared prefixes.
    """
    if len(text) > MAX_REPAIRED:
        return text
    text = _BARE_LESS_THAN.sub("&lt;", _REFERENCE.sub(_reference, _DECLARATION.sub("", text)))
    unbound = {*_PREFIX.findall(text)} - {*_BINDING.findall(text)} - {"xml", "xmlns"}
    element = _ELEMENT.search(text)
    if not unbound or element is None:
        return text
    owners = {prefix: uri for uri, prefix in reversed(PREFIXES.items())}
    bindings = "".join(
        f' xmlns:{prefix}="{owners.get(prefix, "unknown:" + prefix)}"' for prefix in sorted(unbound)
    )
    return text[: element.end()] + bindings + text[element.end() :]


def _reference(found: re.Match[str]) -> str:
    """Return a valid replacement of an entity reference.

    A reference that XML defines is kept; any other becomes its character or an ampersand.
    """
    name = found[1]
    if name is None:
        return "&amp;"
    if name.rstrip(";") in _XML_ENTITIES:
        return found[0]
    char = html.unescape(found[0])
    if char == found[0]:
        return f"&amp;{name}"
    return html.escape(clean(char) or (char if char.isspace() else ""))


def _try_parse(data: bytes) -> tuple[_Tree, bool]:
    """Return the parsed tree, and False if the packet is malformed, so that a repair may help."""
    tree = _Tree()
    parser = DefusedXMLParser(target=tree, forbid_dtd=True)
    try:
        parser.feed(data)
        parser.close()
    except _TooLarge:
        tree.cut = True
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return tree, False
    return tree, True


def flatten(properties: dict[str, Value]) -> dict[str, str | list[str]]:
    """Flatten properties as the module docstring describes; empty values are left out."""
    found: dict[str, str | list[str]] = {}
    for name, value in properties.items():
        for path, flat in _flat(name, value):
            if flat:
                found.setdefault(path, flat)
    return found


def _flat(path: str, value: Value) -> Iterator[tuple[str, str | list[str]]]:
    if isinstance(value, str):
        if not _is_encoded(value):
            yield path, value
    elif isinstance(value, Alternatives):
        yield path, value.default
        for language, text in value.texts.items():
            if language != _DEFAULT and _is_language(language):
                yield f"{path}[@{language}]", text
    elif isinstance(value, Structure):
        for name, inner in value.fields.items():
            yield from _flat(f"{path}/{name}", inner)
    elif any(isinstance(item, Structure) for item in value):
        yield from _aligned(path, value)
    else:
        yield path, [text for item in value if (text := _as_text(item))]


def _aligned(path: str, items: list[Value]) -> Iterator[tuple[str, str | list[str]]]:
    """Yield the fields of an array of structures as lists of equal length."""
    columns: dict[str, list[str]] = {}
    for index, item in enumerate(items):
        for inner, flat in _flat(path, item):
            text = flat if isinstance(flat, str) else "; ".join(flat)
            if text:
                columns.setdefault(inner, [MISSING] * len(items))[index] = text
    yield from columns.items()


def _as_text(value: Value) -> str:
    """Return a value without fields as one text."""
    return "; ".join(
        text for _, flat in _flat("", value) for text in ([flat] if isinstance(flat, str) else flat)
    )


def _is_encoded(text: str) -> bool:
    return len(text) > MAX_ENCODED and text.isascii() and " " not in text[:MAX_ENCODED]


def _is_language(tag: str) -> bool:
    return len(tag) <= 35 and tag.isascii() and tag.replace("-", "").isalnum()  # noqa: PLR2004 - RFC 5646, 4.4.1
