"""Builds minimal image files that show one rule each."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence

from reindex.image.extract import extract
from reindex.image.ranged import open_bytes
from reindex.image.truth import FileMetadata

Tag = tuple[int, int, bytes]
"""A field type, a count, and the value's bytes in the structure's order."""

XMP_PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    b' dc:format="image/jpeg"/></rdf:RDF></x:xmpmeta>'
)


def read(data: bytes) -> FileMetadata:
    """Extract from bytes."""
    return extract(open_bytes(data))


def ascii_tag(text: str) -> Tag:
    """Return an ASCII value with its NUL."""
    data = text.encode() + b"\0"
    return 2, len(data), data


def tiff(
    ifd0: Mapping[int, Tag],
    sub: Mapping[int, Tag] | None = None,
    gps: Mapping[int, Tag] | None = None,
    interop: Mapping[int, Tag] | None = None,
    order: str = "<",
) -> bytes:
    """Return a TIFF structure with the directories given."""
    data = bytearray((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8))
    directories = {0: dict(ifd0), 0x8769: dict(sub or {}), 0x8825: dict(gps or {})}
    directories[0xA005] = dict(interop or {})
    if interop:
        directories[0x8769][0xA005] = 4, 1, b""
    for pointer in (0x8769, 0x8825):
        if directories[pointer]:
            directories[0][pointer] = 4, 1, b""
    offsets = {}
    for pointer, entries in directories.items():
        offsets[pointer] = len(data)
        data.extend(bytes(2 + 12 * len(entries) + 4))
    for pointer, entries in directories.items():
        struct.pack_into(order + "H", data, offsets[pointer], len(entries))
        for index, (tag, (kind, count, value)) in enumerate(sorted(entries.items())):
            if tag and tag in offsets:
                field = struct.pack(order + "I", offsets[tag])
            elif len(value) <= 4:
                field = value.ljust(4, b"\0")
            else:
                field = struct.pack(order + "I", len(data))
                data.extend(value + b"\0" * (len(value) % 2))
            at = offsets[pointer] + 2 + 12 * index
            struct.pack_into(order + "HHI4s", data, at, tag, kind, count, field)
    return bytes(data)


def short(value: int, order: str = "<") -> Tag:
    """Return one SHORT."""
    return 3, 1, struct.pack(order + "H", value)


def rationals(*values: tuple[int, int], order: str = "<") -> Tag:
    """Return RATIONALs."""
    return 5, len(values), b"".join(struct.pack(order + "II", *value) for value in values)


def segment(marker: int, data: bytes) -> bytes:
    """Return one JPEG segment."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg(*segments: bytes, width: int = 40, height: int = 30, components: int = 3) -> bytes:
    """Return a JPEG file with the segments given before its frame."""
    frame = struct.pack(">BHHB", 8, height, width, components) + bytes(3 * components)
    return (
        b"\xff\xd8" + b"".join(segments) + segment(0xC0, frame) + segment(0xDA, b"") + b"\xff\xd9"
    )


def exif_segment(block: bytes) -> bytes:
    """Return an APP1 segment with an Exif block."""
    return segment(0xE1, b"Exif\0\0" + block)


def resource(number: int, data: bytes) -> bytes:
    """Return one of Photoshop's image resources."""
    head = b"8BIM" + struct.pack(">H", number) + b"\0\0" + struct.pack(">I", len(data))
    return head + data + b"\0" * (len(data) % 2)


def photoshop_segment(data: bytes) -> bytes:
    """Return an APP13 segment with (a part of) Photoshop's image resources."""
    return segment(0xED, b"Photoshop 3.0\0" + data)


def dataset(record: int, number: int, value: bytes) -> bytes:
    """Return one IPTC-IIM dataset."""
    return bytes([0x1C, record, number]) + struct.pack(">H", len(value)) + value


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return one PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    *before: bytes,
    width: int = 40,
    height: int = 30,
    colour: int = 2,
    idats: Sequence[bytes] = (b"",),
    after: Sequence[bytes] = (),
) -> bytes:
    """Return a PNG file with chunks before and after its image data."""
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), *before, *(chunk(b"IDAT", data) for data in idats), *after]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IEND", b"")


def riff_chunk(name: bytes, data: bytes) -> bytes:
    """Return one RIFF chunk."""
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def webp(*chunks: bytes) -> bytes:
    """Return a WebP file of the chunks given."""
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def box(kind: bytes, *content: bytes) -> bytes:
    """Return one ISO base media box."""
    data = b"".join(content)
    return struct.pack(">I", len(data) + 8) + kind + data


def full_box(kind: bytes, *content: bytes, version: int = 0) -> bytes:
    """Return one box with version and flags."""
    return box(kind, bytes([version, 0, 0, 0]), *content)


def heif(
    properties: Sequence[bytes],
    items: Sequence[tuple[bytes, bytes]] = (),
    brand: bytes = b"heic",
) -> bytes:
    """Return a HEIF file whose primary item has the properties, with further items.

    Args:
        properties: Boxes of the primary item, which has the number 1.
        items: Kind and bytes of the further items; ``mime`` is an XMP packet.
        brand: The major brand.
    """
    head = box(b"ftyp", brand, bytes(4), b"mif1", brand)
    infos = [full_box(b"infe", struct.pack(">HH4s", 1, 0, b"hvc1"), b"\0", version=2)]
    for number, (kind, _) in enumerate(items, 2):
        content = b"application/rdf+xml\0" if kind == b"mime" else b""
        info = struct.pack(">HH4s", number, 0, kind)
        infos.append(full_box(b"infe", info, b"\0", content, version=2))
    links = bytes([len(properties), *range(1, len(properties) + 1)])
    fixed = [
        full_box(b"hdlr", bytes(4), b"pict", bytes(13)),
        full_box(b"pitm", struct.pack(">H", 1)),
        full_box(b"iinf", struct.pack(">H", len(infos)), *infos),
        box(
            b"iprp",
            box(b"ipco", *properties),
            full_box(b"ipma", struct.pack(">IH", 1, 1), links),
        ),
    ]
    sizes = 12 + 8 + 8 + len(b"".join(fixed)) + len(items) * 14
    at = len(head) + sizes + 8
    locations = b""
    for number, (_, data) in enumerate(items, 2):
        locations += struct.pack(">HHHII", number, 0, 1, at, len(data))
        at += len(data)
    iloc = full_box(b"iloc", b"\x44\x00", struct.pack(">H", len(items)), locations)
    meta = full_box(b"meta", *fixed, iloc)
    return head + meta + box(b"mdat", *(data for _, data in items))


def ispe(width: int, height: int) -> bytes:
    """Return an image's size as a HEIF property."""
    return full_box(b"ispe", struct.pack(">II", width, height))


def bmp(width: int = 40, height: int = 30) -> bytes:
    """Return a BMP file's headers."""
    return b"BM" + bytes(12) + struct.pack("<IiiHH", 40, width, height, 1, 24) + bytes(24)


def gif(*blocks: bytes, width: int = 40, height: int = 30) -> bytes:
    """Return a GIF file without a palette."""
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x70, 0, 0) + b"".join(blocks) + b";"


def psd(resources: bytes = b"", width: int = 40, height: int = 30, mode: int = 3) -> bytes:
    """Return a Photoshop document's header and resources."""
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, height, width, 8, mode)
    return head + struct.pack(">I", 0) + struct.pack(">I", len(resources)) + resources


def profile(*tags: tuple[bytes, bytes]) -> bytes:
    """Return an ICC profile with the tags given."""
    at = 132 + 12 * len(tags)
    table, values = b"", b""
    for signature, value in tags:
        table += struct.pack(">4sII", signature, at + len(values), len(value))
        values += value
    head = bytearray(128)
    struct.pack_into(">I", head, 0, at + len(values))
    head[8:10] = b"\x04\x30"
    head[12:24] = b"mntrRGB XYZ "
    struct.pack_into(">6H", head, 24, 2024, 2, 29, 12, 30, 0)
    head[36:40] = b"acsp"
    return bytes(head) + struct.pack(">I", len(tags)) + table + values


def tiff_file(
    *chain: Mapping[int, Tag],
    below: Sequence[Mapping[int, Tag]] = (),
    sub: Mapping[int, Tag] | None = None,
    cr2: bool = False,
    order: str = "<",
) -> bytes:
    """Return a TIFF file of several directories.

    Args:
        chain: The main directories, each pointing to the next.
        below: Directories that the first one points to as SubIFDs.
        sub: The Exif directory.
        cr2: Whether the header is that of Canon's CR2, which names the fourth directory.
        order: The byte order.
    """
    mark = b"II*\0" if order == "<" else b"MM\0*"
    data = bytearray(mark + struct.pack(order + "I", 16 if cr2 else 8))
    if cr2:
        data += b"CR\2\0" + bytes(4)
    first, *others = (dict(entries) for entries in chain)
    if below:
        first[0x14A] = 4, len(below), bytes(4 * len(below))
    if sub:
        first[0x8769] = 4, 1, bytes(4)
    start, places = _add_directory(data, first, order)
    starts = [start]
    for entries in others:
        # A directory has a count, its entries, and the offset of the next directory.
        link = starts[-1] + 2 + 12 * struct.unpack_from(order + "H", data, starts[-1])[0]
        starts.append(_add_directory(data, entries, order)[0])
        struct.pack_into(order + "I", data, link, starts[-1])
    for index, lower in enumerate(below):
        pointer = places[0x14A] + 4 * index
        struct.pack_into(order + "I", data, pointer, _add_directory(data, lower, order)[0])
    if sub:
        struct.pack_into(order + "I", data, places[0x8769], _add_directory(data, sub, order)[0])
    if cr2 and len(starts) > 3:
        struct.pack_into(order + "I", data, 12, starts[3])
    return bytes(data)


def _add_directory(
    data: bytearray, entries: Mapping[int, Tag], order: str
) -> tuple[int, dict[int, int]]:
    """Append a directory; return where it begins, and where the value of each tag does."""
    start = len(data)
    places: dict[int, int] = {}
    data.extend(struct.pack(order + "H", len(entries)) + bytes(12 * len(entries) + 4))
    for index, (tag, (kind, count, value)) in enumerate(sorted(entries.items())):
        at = start + 2 + 12 * index
        places[tag] = at + 8 if len(value) <= 4 else len(data)
        field = value if len(value) <= 4 else struct.pack(order + "I", len(data))
        struct.pack_into(order + "HHI4s", data, at, tag, kind, count, field)
        if len(value) > 4:
            data.extend(value + b"\0" * (len(value) % 2))
    return start, places


def size_tags(width: int, height: int, **others: Tag) -> dict[int, Tag]:
    """Return a directory with an image's size, and with tags given as ``tag_0106=…``."""
    return {
        0x100: (4, 1, struct.pack("<I", width)),
        0x101: (4, 1, struct.pack("<I", height)),
        **{int(name.removeprefix("tag_"), 16): tag for name, tag in others.items()},
    }


def j2k(
    width: int = 40, height: int = 30, components: int = 3, left: int = 0, top: int = 0
) -> bytes:
    """Return a JPEG 2000 codestream's header."""
    sizes = struct.pack(">8I", left + width, top + height, left, top, width, height, 0, 0)
    siz = struct.pack(">H", 0) + sizes + struct.pack(">H", components) + b"\7\1\1" * components
    return b"\xff\x4f\xff\x51" + struct.pack(">H", len(siz) + 2) + siz + b"\xff\xd9"


def jp2(
    *before: bytes,
    width: int = 40,
    height: int = 30,
    components: int = 3,
    header: Sequence[bytes] = (),
    codestream: bytes | None = None,
    after: Sequence[bytes] = (),
    brand: bytes = b"jp2 ",
) -> bytes:
    """Return a JPEG 2000 file.

    Args:
        before: Boxes between the header's and the codestream's.
        width: In pixels.
        height: In pixels.
        components: How many there are.
        header: Boxes of the header behind ``ihdr``.
        codestream: Content of the codestream's box.
        after: Boxes behind the codestream's.
        brand: The file's.
    """
    ihdr = box(b"ihdr", struct.pack(">IIHBBBB", height, width, components, 7, 7, 0, 0))
    parts = [
        box(b"jP  ", b"\r\n\x87\n"),
        box(b"ftyp", brand, bytes(4), brand),
        box(b"jp2h", ihdr, *header),
        *before,
        box(b"jp2c", j2k(width, height, components) if codestream is None else codestream),
        *after,
    ]
    return b"".join(parts)


def uuid_box(key: str | bytes, data: bytes) -> bytes:
    """Return a box that a vendor defined."""
    return box(b"uuid", bytes.fromhex(key) if isinstance(key, str) else key, data)


class Bits:
    """Collects numbers of some bits each, the lowest first."""

    def __init__(self) -> None:
        self._value = self._size = 0

    def add(self, *numbers: tuple[int, int]) -> None:
        """Add numbers, each with how many bits it takes."""
        for number, size in numbers:
            self._value |= number << self._size
            self._size += size

    def small(self, number: int) -> None:
        """Add a number from 0 to 17 as enumerations and counts of channels are written."""
        self.add(*([(number, 2)] if number < 2 else [(2, 2), (number - 2, 4)]))

    def bytes(self) -> bytes:
        return self._value.to_bytes(-(-self._size // 8), "little")


def jxl_codestream(
    width: int = 40,
    height: int = 30,
    *,
    orientation: int = 1,
    depth: int = 8,
    grey: bool = False,
    extra: Sequence[int] = (),
    moving: bool = False,
) -> bytes:
    """Return a JPEG XL codestream's header in which every optional part is written.

    Args:
        width: In pixels, as stored.
        height: In pixels, as stored.
        orientation: As Exif counts it.
        depth: Bits of a sample, up to 64.
        grey: Whether there is one colour only.
        extra: Types of extra channels, each of which has a name.
        moving: Whether there are headers of a preview and of an animation.
    """
    bits = Bits()
    bits.add((0, 1), (3, 2), (height - 1, 30), (0, 3), (3, 2), (width - 1, 30))
    bits.add((0, 1), (1, 1), (orientation - 1, 3))
    bits.add((1, 1), (1, 1), (4, 5), (2, 3))  # intrinsic size for display: 40 x 48
    bits.add((moving, 1))
    if moving:
        bits.add((1, 1), (2, 2), (3, 5), (2, 3))
    bits.add((moving, 1))
    if moving:
        bits.add((2, 2), (23, 10), (0, 2), (3, 2), (5, 32), (0, 1))
    bits.add((0, 1), (3, 2), (depth - 1, 6), (1, 1))
    bits.small(len(extra))
    for kind in extra:
        bits.add((0, 1))
        bits.small(kind)
        bits.add((0, 1), (0, 2), (0, 2), (1, 2), (5, 4), (int.from_bytes(b"names", "little"), 40))
        if kind == 0:
            bits.add((1, 1))
        elif kind == 2:
            bits.add((2**64 - 1, 64))
    bits.add((0, 1), (0, 1), (0, 1))
    bits.small(int(grey))
    return b"\xff\x0a" + bits.bytes() + bytes(8)


def jxl(*boxes: bytes, codestream: bytes | None = None, after: Sequence[bytes] = ()) -> bytes:
    """Return a JPEG XL file with boxes before and after its codestream's."""
    head = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl ", bytes(4), b"jxl ")
    image = box(b"jxlc", jxl_codestream() if codestream is None else codestream)
    return head + b"".join(boxes) + image + b"".join(after)
