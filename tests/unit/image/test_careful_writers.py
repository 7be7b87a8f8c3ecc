"""The document contains exactly what a correct writer wrote.

The writer below shares no code with the readers. It is given a picture's metadata, and chooses at
random how they are encoded (byte orders, character sets, padding, the order of blocks and of their
contents, duplicate records). The test reads the file back as the product does.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from hypothesis import given, settings
from hypothesis import strategies as st

from reindex.image.extract import extract
from reindex.image.original_metadata import original_metadata
from reindex.image.ranged import RangedFile
from reindex.image.truth import FileMetadata
from reindex.image.uninformative import FileWriter, why_uninformative

UPLOADED = datetime(2024, 6, 11, 9, 30, tzinfo=UTC)

#: Letters of the sets that people write in; none is a control or a blank.
LATIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
ACCENTS = "\xe4\xe9\xe8\xf6\xfc\xdf\xe7\xf1\xe5\xf8"
OTHERS = "\u0142\u017c\u0416\u0434\u03b1\u05d0\u0627\u6f22\u65e5\U0001f600"
PUNCTUATION = ".,;:!?'()-&@/"


def words(alphabet: str) -> st.SearchStrategy[str]:
    """Texts of one to five words, no default and no placeholder."""
    word = st.text(alphabet, min_size=1, max_size=9)
    texts = st.lists(word, min_size=1, max_size=5).map(" ".join)
    return texts.filter(
        lambda text: (
            not any(
                why_uninformative(name, text, FileWriter(text))
                for name in ("description", "credit", "byline")
            )
        )
    )


#: A set, how IIM declares it, the codec, and what can be said in it.
CHARSETS = [
    ("utf-8", b"\x1b%G", LATIN + ACCENTS + OTHERS + PUNCTUATION),
    ("utf-8", None, LATIN + ACCENTS + OTHERS + PUNCTUATION),
    ("latin-1", b"\x1b.A", LATIN + ACCENTS + PUNCTUATION),
    ("iso8859_2", b"\x1b-B", LATIN + "\u0142\u017c\u0105\u0119\xe9\xf3"),
    ("iso8859_5", b"\x1b-L", LATIN + "\u0416\u0434\u043b\u043e"),
    ("ascii", None, LATIN + PUNCTUATION),
    ("utf-16-be", b"\x1b%/L", LATIN + ACCENTS + OTHERS + PUNCTUATION),
    ("utf-16", None, LATIN + ACCENTS + OTHERS + PUNCTUATION),
    # What is declared is not always what is written.
    ("utf-8", b"\x1b.A", LATIN + ACCENTS + OTHERS + PUNCTUATION),
]


@dataclass(frozen=True)
class Said:
    """What a picture says, by the field of ``originalMetadata``."""

    iptc: dict[str, Any] = field(default_factory=dict)
    exif: dict[str, str] = field(default_factory=dict)
    xmp: dict[str, Any] = field(default_factory=dict)


IPTC_DATASETS = {
    "description": 120,
    "byline": 80,
    "title": 105,
    "credit": 110,
    "copyright": 116,
    "source": 115,
    "city": 90,
    "specialInstructions": 40,
}
EXIF_TAGS = {"description": 0x010E, "byline": 0x013B, "copyright": 0x8298}
XMP_PROPERTIES = {
    "description": ("dc:description", "Alt"),
    "byline": ("dc:creator", "Seq"),
    "title": ("photoshop:Headline", None),
    "credit": ("photoshop:Credit", None),
    "copyright": ("dc:rights", "Alt"),
    "source": ("photoshop:Source", None),
    "city": ("photoshop:City", None),
    "specialInstructions": ("photoshop:Instructions", None),
}


def said_in(
    draw: st.DrawFn, names: list[str], alphabet: str, codec: str = "utf-8"
) -> dict[str, Any]:
    chosen = draw(st.lists(st.sampled_from(names), unique=True, max_size=len(names)))
    texts = words(alphabet).filter(lambda text: not passes_for_utf8(text, codec))
    return {name: draw(texts) for name in chosen}


def passes_for_utf8(text: str, codec: str) -> bool:
    """Return True if the bytes of a text in another set are another text in UTF-8.

    The readers prefer UTF-8: no sentence is like that, but a few letters at random may be.
    """
    data = text.encode(codec)
    if data.isascii() or codec.startswith("utf"):
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def write_iptc(draw: st.DrawFn, said: dict[str, Any], codec: str, declared: bytes | None) -> bytes:
    """Write a record: what is padded is padded, and a dataset may be there twice."""
    parts = []
    for name, text in said.items():
        value = (text + " " * draw(st.integers(0, 3))).encode(codec)
        if draw(st.integers(0, 4)) == 0 and name != "byline":
            # The last value of a dataset that must not repeat wins.
            parts.append((IPTC_DATASETS[name], "earlier".encode(codec), b""))
        padding = bytes(draw(st.sampled_from([0, 0, 0, 1, 3])))
        parts.append((IPTC_DATASETS[name], value, padding))
    record = b"\x1c\x02\x00\x00\x02\x00\x04" + bytes(draw(st.sampled_from([0, 0, 3])))
    if declared is not None:
        record = b"\x1c\x01\x5a" + struct.pack(">H", len(declared)) + declared + record
    for number, value, padding in parts:
        extended = draw(st.integers(0, 6)) == 0
        length = (
            struct.pack(">HI", 0x8004, len(value)) if extended else struct.pack(">H", len(value))
        )
        record += bytes([0x1C, 2, number]) + length + value + padding
    return record + bytes(draw(st.integers(0, 3)))


def is_in(text: str, codec: str) -> bool:
    try:
        return bool(text.encode(codec))
    except UnicodeEncodeError:
        return False


def write_exif(draw: st.DrawFn, said: dict[str, str], extra: dict[int, str]) -> bytes:
    """Write a TIFF structure: its directory before or behind the values."""
    order = draw(st.sampled_from("<>"))
    texts = {EXIF_TAGS[name]: text for name, text in said.items()} | extra
    values = {}
    for tag, text in texts.items():
        codec = draw(st.sampled_from(["utf-8", "utf-8", "cp1252"]))
        value = text.encode(codec if codec == "utf-8" or is_in(text, codec) else "utf-8")
        values[tag] = value + bytes(draw(st.integers(1, 4)))
    kinds = {tag: draw(st.sampled_from([2, 2, 129])) for tag in values}
    count = len(values)
    behind = draw(st.booleans())
    gap = draw(st.integers(0, 3)) * 2
    size = 2 + 12 * count + 4
    total = sum(len(value) + len(value) % 2 for value in values.values())
    ifd_at = 8 + gap + (total if behind else 0)
    value_at = 8 + gap + (0 if behind else size)
    entries, heap = b"", b""
    for tag in sorted(values):
        value = values[tag]
        if len(value) <= 4:
            inline = value.ljust(4, b"\0")
        else:
            inline = struct.pack(order + "I", value_at + len(heap))
            heap += value + bytes(len(value) % 2)
        entries += struct.pack(order + "HHI", tag, kinds[tag], len(value)) + inline
    heap = heap.ljust(total, b"\0")
    directory = struct.pack(order + "H", count) + entries + struct.pack(order + "I", 0)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", ifd_at) + bytes(gap)
    return head + (heap + directory if behind else directory + heap)


def write_xmp(draw: st.DrawFn, said: dict[str, Any]) -> bytes:
    """Write a packet: as attributes or elements, in one description or several, any encoding."""
    attributes, elements = [], []
    for name, text in said.items():
        prop, array = XMP_PROPERTIES[name]
        if array is None and draw(st.booleans()):
            attributes.append(f" {prop}={quoteattr(text)}")
            continue
        inner = escape(text)
        if array == "Alt":
            other = "<rdf:li xml:lang='fr-FR'>autre</rdf:li>"
            default = f"<rdf:li xml:lang='x-default'>{inner}</rdf:li>"
            items = draw(st.sampled_from([default, other + default, default + other]))
            inner = f"<rdf:Alt>{items}</rdf:Alt>"
        elif array:
            inner = f"<rdf:{array}><rdf:li>{inner}</rdf:li></rdf:{array}>"
        elements.append(f"<{prop}>{inner}</{prop}>")
    namespaces = (
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
    )
    head = f'<rdf:Description rdf:about=""{namespaces}'
    descriptions = [f"{head}{''.join(attributes)}/>"] if attributes else []
    if draw(st.booleans()):
        descriptions += [f"{head}>{element}</rdf:Description>" for element in elements]
    else:
        descriptions.append(f"{head}>{''.join(elements)}</rdf:Description>")
    body = "".join(draw(st.permutations(descriptions)))
    text = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
        ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f"{body}</rdf:RDF></x:xmpmeta>"
    )
    mark = "\ufeff"
    encoding = draw(
        st.sampled_from(["utf-8", "utf-8", "utf-16", "utf-16-be", "utf-16-le", "utf-32"])
    )
    begin = f'<?xpacket begin="{mark}" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    padding = " " * draw(st.integers(0, 200)) + "\n"
    end = '<?xpacket end="w"?>'
    return f"{begin if draw(st.booleans()) else ''}{text}{padding}{end}".encode(encoding)


def write_jpeg(draw: st.DrawFn, said: Said, blocks: dict[str, bytes]) -> bytes:
    def app(marker: int, data: bytes) -> bytes:
        fill = b"\xff" * draw(st.integers(0, 2))
        return fill + bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data

    def doubled(first: bytes, second: bytes) -> bytes:
        """A block, or two of a kind: then the first counts."""
        return first + second if draw(st.integers(0, 3)) == 0 else first

    segments = []
    if "exif" in blocks:
        prefix = b"Exif\0\0"
        second = write_exif(draw, dict.fromkeys(said.exif, "second"), {})
        segments.append(doubled(app(0xE1, prefix + blocks["exif"]), app(0xE1, prefix + second)))
    if "xmp" in blocks:
        prefix = b"http://ns.adobe.com/xap/1.0/\0"
        second = write_xmp(draw, dict.fromkeys(said.xmp, "second"))
        segments.append(doubled(app(0xE1, prefix + blocks["xmp"]), app(0xE1, prefix + second)))
    if "iptc" in blocks:
        other = b"8BIM\x04\x25\0\0" + struct.pack(">I", 16) + bytes(16)
        record = blocks["iptc"]
        iptc = b"8BIM\x04\x04\x03abc" + struct.pack(">I", len(record)) + record
        iptc += bytes(len(record) % 2)
        again = write_iptc(draw, dict.fromkeys(said.iptc, "second"), "ascii", None)
        again = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(again)) + again
        iptc = doubled(iptc, again + bytes(len(again) % 2))
        data = draw(st.sampled_from([iptc, other + iptc, iptc + other]))
        segments.append(app(0xED, b"Photoshop 3.0\0" + data))
    segments = draw(st.permutations([*segments, app(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")]))
    frame = app(0xC0, struct.pack(">BHHB", 8, 30, 40, 3) + b"\1\x22\0\2\x11\1\3\x11\1")
    return b"\xff\xd8" + b"".join(segments) + frame + app(0xDA, bytes(10)) + b"\xff\xd9"


def write_png(draw: st.DrawFn, _: Said, blocks: dict[str, bytes]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    chunks = []
    if "exif" in blocks:
        chunks.append(chunk(b"eXIf", blocks["exif"]))
    if "xmp" in blocks:
        packed = draw(st.booleans())
        text = zlib.compress(blocks["xmp"]) if packed else blocks["xmp"]
        chunks.append(chunk(b"iTXt", b"XML:com.adobe.xmp\0" + bytes([packed, 0, 0, 0]) + text))
    if "iptc" in blocks:
        record = blocks["iptc"]
        text = f"\niptc\n{len(record):8}\n{record.hex()}\n".encode()
        chunks.append(chunk(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(text)))
    chunks = draw(st.permutations(chunks))
    cut = draw(st.integers(0, len(chunks)))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 30, 8, 2, 0, 0, 0))
    middle = [*chunks[:cut], chunk(b"IDAT", bytes(20)), *chunks[cut:]]
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(middle) + chunk(b"IEND", b"")


@st.composite
def pictures(draw: st.DrawFn) -> tuple[Said, bytes]:
    codec, declared, alphabet = draw(st.sampled_from(CHARSETS))
    everything = LATIN + ACCENTS + OTHERS + PUNCTUATION + '<&>"'
    said = Said(
        iptc=said_in(draw, list(IPTC_DATASETS), alphabet, codec),
        exif=said_in(draw, list(EXIF_TAGS), everything),
        xmp=said_in(draw, list(XMP_PROPERTIES), everything),
    )
    blocks = {}
    if said.iptc:
        blocks["iptc"] = write_iptc(draw, said.iptc, codec, declared)
    if said.exif:
        blocks["exif"] = write_exif(draw, said.exif, {0x010F: "Canon", 0x0131: "v1"})
    if said.xmp:
        blocks["xmp"] = write_xmp(draw, said.xmp)
    write = draw(st.sampled_from([write_jpeg, write_png]))
    return said, write(draw, said, blocks)


def read(data: bytes) -> FileMetadata:
    with RangedFile(lambda start, length: data[start : start + length], len(data)) as file:
        return extract(file)


@settings(max_examples=400, deadline=None)
@given(pictures())
def test_what_was_written_is_what_the_document_says(picture: tuple[Said, bytes]) -> None:
    said, data = picture
    found = original_metadata(read(data), UPLOADED)
    names = {*said.iptc, *said.exif, *said.xmp}
    for name in names:
        # XMP first, then IPTC, then Exif.
        expected = said.xmp.get(name) or said.iptc.get(name) or said.exif.get(name)
        assert found[name] == expected, name
    assert found.keys() == names


#: Sentences as people write them, with the marks that undeclared text is known by.
SENTENCES = [
    "\u201cWe won,\u201d she said \u2013 it\u2019s over\u2026",
    "Caf\xe9 cr\xe8me \xe0 la carte",
    "M\xfcnchen, K\xf6ln und die gro\xdfe Stra\xdfe",
    "Se\xf1or Nu\xf1ez habl\xf3 en M\xe1laga ayer",
    "Lib\xe9ration du bless\xe9 pr\xe8s d\u2019Orl\xe9ans",
]


@given(
    st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=4, unique=True),
    st.sampled_from(["cp1252", "mac_roman"]),
    st.lists(st.sampled_from([0, 1, 3]), min_size=4, max_size=4),
)
def test_sentences_in_the_set_of_an_old_system_are_read_as_they_were_written(
    sentences: list[str], codec: str, padding: list[int]
) -> None:
    record = b"\x1c\x02\x00\x00\x02\x00\x02"
    for sentence, pad in zip(sentences, padding, strict=False):
        value = sentence.encode(codec)
        record += b"\x1c\x02\x19" + struct.pack(">H", len(value)) + value + bytes(pad)
    resources = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record
    app13 = b"Photoshop 3.0\0" + resources
    frame = b"\xff\xc0\x00\x11\x08\x00\x1e\x00\x28\x03" + bytes(9)
    data = b"\xff\xd8\xff\xed" + struct.pack(">H", len(app13) + 2) + app13 + frame
    assert read(data).iptc["Keywords"] == sentences
