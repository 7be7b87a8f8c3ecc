"""PNG: the chunks before and after the image data.

Parsed by hand (ISO/IEC 15948:2004, 5 and 11; eXIf as in its third edition), because Pillow
must read all image data to reach the chunks after it, where many writers put their metadata.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Final

from reindex.image.blocks import MAX_BLOCKS, Blocks, flag
from reindex.image.photoshop import read_resources
from reindex.image.ranged import Memory, Window
from reindex.image.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from reindex.image.ranged import Source

MAX_CHUNKS: Final = 4096
MAX_TEXTS: Final = 128
MAX_PROFILE: Final = 4 * 1024 * 1024
"""Largest colour profile in bytes, before and after inflating."""

TAIL: Final = 64 * 1024
"""Number of bytes before the end of the file, in addition to one image data chunk, that are
searched for the chunks after the image data."""

MAX_TAIL: Final = 1024 * 1024

_SIGNATURE_LENGTH: Final = 8
_XMP: Final = "XML:com.adobe.xmp"
_RAW: Final = "Raw profile type "

_MODELS: Final = {0: "Greyscale", 2: "RGB", 3: "RGB", 4: "Greyscale", 6: "RGB"}
_TYPES: Final = {
    0: "Greyscale",
    2: "True Color",
    3: "Indexed Color",
    4: "Greyscale with Alpha",
    6: "True Color with Alpha",
}


def read_png(file: Source) -> Blocks:
    """Find the metadata blocks of a PNG file; its dimensions stay 0 without a header chunk."""
    blocks = Blocks()
    offset = _SIGNATURE_LENGTH
    in_data = False
    for _ in range(MAX_CHUNKS):
        head = file.pread(offset, 8)
        if len(head) < 8 or head[4:] == b"IEND":  # noqa: PLR2004 - length and type
            break
        (length,) = struct.unpack(">I", head[:4])
        kind = head[4:]
        if kind == b"IDAT":
            if not in_data:
                in_data = True
                offset = max(offset, _last_idat(file, offset, length))
                length = int.from_bytes(file.pread(offset, 4), "big")
        elif kind in _READERS:
            _READERS[kind](Window(file, offset + 8, length), blocks)
        offset += 12 + length
    return blocks


def _last_idat(file: Source, first: int, length: int) -> int:
    """Return the offset of the last image data chunk if the file's tail contains it, else 0.

    Image data chunks are consecutive (5.6), so no metadata is missed by skipping to the last
    one. Bytes are recognised as a chunk header, not image data, if the chain of chunks from them
    leads exactly to the end of the file.

    Args:
        file: The file.
        first: Offset of the first image data chunk.
        length: That chunk's length; the last chunk is rarely longer.
    """
    start = max(first, file.size - TAIL - length)
    if file.size - start > MAX_TAIL or first + length > file.size - TAIL:
        return 0  # few chunks: walking them is cheap
    tail = file.pread(start, file.size - start)
    misleading: set[int] = set()
    at = tail.rfind(b"IDAT")
    while at >= 4:  # noqa: PLR2004 - the length before it
        if _leads_to_end(tail, at - 4, misleading):
            return start + at - 4
        at = tail.rfind(b"IDAT", 0, at)
    return 0


def _leads_to_end(tail: bytes, at: int, misleading: set[int]) -> bool:
    """Return True if a chain of chunks leads from ``at`` to the last chunk.

    Args:
        tail: The last bytes of the file.
        at: Offset in ``tail`` at which the chain begins.
        misleading: Offsets known not to lead to the last chunk; new ones are added.
    """
    while at + 12 <= len(tail) and at not in misleading:
        length, kind = struct.unpack_from(">I4s", tail, at)
        if kind == b"IEND":
            return True
        misleading.add(at)
        at += 12 + length
    return False


def _header(data: Source, blocks: Blocks) -> None:
    head = data.pread(0, 13)
    if len(head) < 13 or blocks.width:  # noqa: PLR2004 - IHDR's length
        return
    blocks.width, blocks.height, bits, colour, _, _, interlace = struct.unpack(">IIBBBBB", head)
    blocks.colour_model = _MODELS.get(colour)
    blocks.colour |= {
        "bitsPerSample": str(bits),
        "colorType": _TYPES.get(colour, str(colour)),
        "hasAlpha": flag(colour in (4, 6)),
        "interlaced": flag(interlace),
    }


def _palette(data: Source, blocks: Blocks) -> None:
    blocks.colour["paletteSize"] = str(data.size // 3)


def _transparency(_: Source, blocks: Blocks) -> None:
    blocks.colour["hasAlpha"] = flag(True)


def _exif(data: Source, blocks: Blocks) -> None:
    blocks.add_exif(data)


def _icc(data: Source, blocks: Blocks) -> None:
    if blocks.icc is None:
        _, _, rest = data.pread(0, MAX_PROFILE).partition(b"\0")
        profile = _inflate(rest[1:], MAX_PROFILE)
        blocks.icc = Memory(profile) if profile else None


def _plain_text(data: Source, blocks: Blocks) -> None:
    keyword, _, text = blocks.take(data, "png").partition(b"\0")
    _add_text(keyword, text.decode("latin-1"), blocks)


def _compressed_text(data: Source, blocks: Blocks) -> None:
    keyword, _, rest = blocks.take(data, "png").partition(b"\0")
    _add_text(keyword, _inflated_text(rest[1:], blocks).decode("latin-1"), blocks)


def _international_text(data: Source, blocks: Blocks) -> None:
    keyword, _, rest = blocks.take(data, "png").partition(b"\0")
    compressed, rest = rest[:1] == b"\1", rest[2:]
    _language, _, rest = rest.partition(b"\0")
    _translated, _, text = rest.partition(b"\0")
    if compressed:
        text = _inflated_text(text, blocks)
    if keyword.decode("latin-1") == _XMP:
        _add_xmp(text, blocks)
    else:
        _add_text(keyword, text.decode("utf-8", "replace"), blocks)


def _add_xmp(packet: bytes, blocks: Blocks) -> None:
    if len(blocks.xmp) < MAX_BLOCKS:
        blocks.xmp.append(packet)


def _inflated_text(data: bytes, blocks: Blocks) -> bytes:
    text = _inflate(data, blocks.budget)
    blocks.budget -= len(text)
    if blocks.budget <= 0:
        blocks.trimmed.add("png")
    return text


def _inflate(data: bytes, limit: int) -> bytes:
    """Inflate up to ``limit`` bytes, or up to the first damage in the stream."""
    inflater = zlib.decompressobj()
    found: list[bytes] = []
    try:
        # Small steps keep the data before the damage.
        for at in range(0, len(data), 4096):
            step = data[at : at + 4096]
            while step and limit > 0:
                piece = inflater.decompress(step, limit)
                found.append(piece)
                limit -= len(piece)
                step = inflater.unconsumed_tail
            if limit <= 0 or inflater.eof:
                break
    except zlib.error:
        pass
    return b"".join(found)


def _add_text(keyword: bytes, text: str, blocks: Blocks) -> None:
    name = clean(keyword.decode("latin-1"))
    if name.startswith(_RAW):
        _raw_profile(name.removeprefix(_RAW).lower(), text, blocks)
    elif name == _XMP:
        _add_xmp(text.encode("latin-1", "replace"), blocks)
    elif name and text:
        if name in blocks.text or len(blocks.text) < MAX_TEXTS:
            blocks.text.setdefault(name, clean(text))
        else:
            blocks.trimmed.add("png")


def _raw_profile(kind: str, text: str, blocks: Blocks) -> None:
    """Read a block that was written as hexadecimal text, as ImageMagick does it.

    The text is the profile's name, its length in decimal, and its bytes as hexadecimal
    digits, each on lines of their own.
    """
    parts = text.strip().split("\n", 2)
    if len(parts) < 3:  # noqa: PLR2004 - those three
        return
    digits = "".join(parts[2].split())
    try:
        data = bytes.fromhex(digits[: len(digits) // 2 * 2])
    except ValueError:
        return
    if kind == "exif" or (kind == "app1" and data[:4] == b"Exif"):
        blocks.add_exif(Memory(data))
    elif kind == "xmp" or (kind == "app1" and data.startswith(b"http://ns.adobe.com/xap/1.0/\0")):
        _add_xmp(data.partition(b"\0")[2] if kind == "app1" else data, blocks)
    elif kind == "iptc":
        _, photoshop, rest = data.partition(b"Photoshop 3.0\0")
        if photoshop or data[:4] == b"8BIM":
            read_resources(Memory(rest or data), blocks, only_iptc=True)
        else:
            blocks.iptc[:] = blocks.iptc or [data]
    elif kind in ("icc", "icm") and blocks.icc is None:
        blocks.icc = Memory(data)


_READERS: Final[dict[bytes, Callable[[Source, Blocks], None]]] = {
    b"IHDR": _header,
    b"PLTE": _palette,
    b"tRNS": _transparency,
    b"eXIf": _exif,
    b"iCCP": _icc,
    b"tEXt": _plain_text,
    b"zTXt": _compressed_text,
    b"iTXt": _international_text,
}
