"""Renditions have the right size, orientation, colour, depth, transparency and metadata."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import pyvips
from PIL import Image

from reindex.domain.failures import CannotRender, ReindexFailure, TooManyPixels
from reindex.image import sniff
from reindex.image.extract import extract
from reindex.image.original_metadata import original_metadata
from reindex.image.ranged import open_bytes, open_path
from reindex.image.renditions import MAX_PIXELS, Kind, Notice, render
from reindex.image.truth import Dimensions
from tests import corpus
from tests.twins.library import UPLOADED

RED = (200, 40, 40)


def rendered(path: Path, notice: Notice | None = None) -> dict[Kind, bytes]:
    with open_path(path) as file:
        head = file.pread(0, sniff.HEAD)
        found = extract(file)
    made = render(path, head, found.dimensions, notice or Notice())
    return {each.kind: each.content for each in made}


def shown(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def colour(content: bytes, at: tuple[float, float] = (0.5, 0.5)) -> tuple[int, ...]:
    """The colour of a rendition at a place, each coordinate from 0 to 1."""
    image = shown(content).convert("RGB")
    found = image.getpixel((int(at[0] * image.width), int(at[1] * image.height)))
    assert isinstance(found, tuple)
    return tuple(int(part) for part in found)


def is_near(one: tuple[int, ...], other: tuple[int, ...], delta: int = 6) -> bool:
    return all(abs(a - b) <= delta for a, b in zip(one, other, strict=True))


def save(path: Path, image: Image.Image, kind: str, **options: Any) -> Path:
    image.save(path, kind, **options)
    return path


def test_renditions_have_their_sizes(tmp_path: Path) -> None:
    made = rendered(save(tmp_path / "p", Image.new("RGB", (3000, 1000), RED), "JPEG"))
    assert shown(made[Kind.THUMBNAIL]).size == (256, 85)
    assert shown(made[Kind.SCREEN_JPEG]).size == (2048, 683)
    assert shown(made[Kind.SCREEN_WEBP]).size == (2048, 683)
    assert made.keys() == {Kind.THUMBNAIL, Kind.SCREEN_JPEG, Kind.SCREEN_WEBP}


def test_a_small_original_is_not_enlarged(tmp_path: Path) -> None:
    made = rendered(save(tmp_path / "p", Image.new("RGB", (20, 10), RED), "JPEG"))
    assert {shown(content).size for content in made.values()} == {(20, 10)}


@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        ("PNG", {Kind.OPTIMISED}),
        ("TIFF", {Kind.WEB}),
        ("JPEG2000", {Kind.WEB}),
        ("BMP", set()),
        ("GIF", set()),
        ("WEBP", set()),
        ("AVIF", set()),
    ],
)
def test_every_format_has_its_renditions(tmp_path: Path, kind: str, extra: set[Kind]) -> None:
    made = rendered(save(tmp_path / "p", Image.new("RGB", (300, 200), RED), kind))
    assert made.keys() == {Kind.THUMBNAIL, Kind.SCREEN_JPEG, Kind.SCREEN_WEBP} | extra
    for content in made.values():
        assert is_near(colour(content), RED)
    if Kind.WEB in extra:
        assert shown(made[Kind.WEB]).size == (300, 200)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG"])
def test_a_rotated_original_is_shown_upright(tmp_path: Path, kind: str) -> None:
    image = Image.new("RGB", (200, 100), "blue")
    image.paste("red", (0, 0, 100, 100))
    exif = Image.Exif()
    exif[0x0112] = 6
    made = rendered(save(tmp_path / "p", image, kind, exif=exif))
    for content in made.values():
        width, height = shown(content).size
        assert height == 2 * width
        # Its left side is up, and nothing turns it again.
        assert colour(content, (0.5, 0.1))[0] > 200
        assert colour(content, (0.5, 0.9))[2] > 200
        assert not shown(content).getexif().get(0x0112)


def cmyk_jpegs(folder: Path) -> dict[str, Path]:
    """One colour three times: with APP14's transform 0 (CMYK), with 2 (YCCK), and without APP14.

    Files hold inverted values, as Adobe's do; Pillow inverts what it is given and writes transform
    0. Programs that strip metadata strip APP14, too, and leave the values as they are.
    """
    cyan, magenta, yellow, black = colours = (10, 200, 180, 20)
    plain = save(folder / "0", Image.new("CMYK", (64, 64), colours), "JPEG", quality=95)
    data = plain.read_bytes()
    at = data.index(b"\xff\xee")
    without = folder / "without"
    without.write_bytes(data[:at] + data[at + 16 :])
    luma = 0.299 * cyan + 0.587 * magenta + 0.114 * yellow
    stored = (luma, 128 + 0.564 * (yellow - luma), 128 + 0.713 * (cyan - luma), 255 - black)
    given = tuple(255 - round(part) for part in stored)
    other = save(folder / "1", Image.new("CMYK", (64, 64), given), "JPEG", quality=95)
    data = other.read_bytes()
    at = data.index(b"\xff\xee") + 15
    ycck = folder / "2"
    ycck.write_bytes(data[:at] + b"\x02" + data[at + 1 :])
    return {"transform 0": plain, "without": without, "transform 2": ycck}


def test_cmyk_is_converted_correctly_from_every_encoding(tmp_path: Path) -> None:
    found = {
        name: colour(rendered(path)[Kind.SCREEN_JPEG])
        for name, path in cmyk_jpegs(tmp_path).items()
    }
    assert found["transform 0"][0] > 150
    assert max(found["transform 0"][1:]) < 110
    for name, seen in found.items():
        assert is_near(seen, found["transform 0"]), (name, found)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_a_profile_is_applied_and_removed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p{suffix}"
    wanted = (90, 190, 110)
    flat = pyvips.Image.black(64, 64, bands=3) + list(wanted)
    wide = flat.cast("uchar").copy(interpretation="srgb").icc_transform("p3", input_profile="srgb")
    wide.write_to_file(str(path))
    assert not is_near(tuple(round(part) for part in wide(5, 5)), wanted)
    made = rendered(path)
    for content in made.values():
        assert is_near(colour(content), wanted)
        assert "icc_profile" not in shown(content).info


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_16_bit_grey_ramp_keeps_its_256_levels(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p{suffix}"
    ramp = (pyvips.Image.xyz(1024, 8)[0] * (65535 / 1023)).cast("ushort")
    ramp.copy(interpretation="grey16").write_to_file(str(path))
    made = rendered(path)
    levels = shown(made[Kind.OPTIMISED if suffix == ".png" else Kind.WEB]).convert("L")
    found = {levels.getpixel((x, 4)) for x in range(1024)}
    assert len(found) >= (256 if suffix == ".png" else 250)
    assert {min(found), max(found)} <= {0, 1, 254, 255}  # type: ignore[type-var]


def test_transparency_is_white_in_jpeg_and_kept_in_webp(tmp_path: Path) -> None:
    image = Image.new("RGBA", (64, 64), (*RED, 0))
    image.paste((*RED, 255), (0, 0, 32, 64))
    made = rendered(save(tmp_path / "p", image, "PNG"))
    assert is_near(colour(made[Kind.THUMBNAIL], (0.9, 0.5)), (255, 255, 255))
    assert is_near(colour(made[Kind.THUMBNAIL], (0.2, 0.5)), RED)
    webp = shown(made[Kind.SCREEN_WEBP])
    assert webp.mode == "RGBA"
    assert webp.getpixel((60, 30))[3] == 0  # type: ignore[index]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation_is_shown(tmp_path: Path, kind: str) -> None:
    frames = [Image.new("RGB", (64, 48), each) for each in (RED, "blue", "green")]
    path = save(tmp_path / "p", frames[0], kind, save_all=True, append_images=frames[1:])
    made = rendered(path)
    assert is_near(colour(made[Kind.THUMBNAIL]), RED)
    assert shown(made[Kind.SCREEN_JPEG]).size == (64, 48)


def test_an_animation_whose_first_frame_is_blank_is_rendered(tmp_path: Path) -> None:
    frames = [Image.new("RGBA", (64, 48), each) for each in ((0, 0, 0, 0), (255, 0, 0, 255))]
    path = save(tmp_path / "p", frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert is_near(colour(rendered(path)[Kind.THUMBNAIL]), (255, 255, 255))


def test_metadata_except_credit_and_copyright_is_removed(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    path = save(
        tmp_path / "p", Image.new("RGB", (64, 48), RED), "JPEG", exif=exif, comment=b"secret"
    )
    made = rendered(path, Notice("Agency <A&B>", "© Someone"))
    for content in made.values():
        file = extract(open_bytes(content))
        said = original_metadata(file, UPLOADED)
        assert (said["credit"], said["copyright"]) == ("Agency <A&B>", "© Someone")
        assert not file.exif
        assert b"secret" not in content
    assert not extract(open_bytes(rendered(path)[Kind.THUMBNAIL])).xmp


def test_a_file_that_declares_too_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    path = save(tmp_path / "p", Image.new("RGB", (8, 8)), "PNG")
    with pytest.raises(TooManyPixels):
        list(render(path, path.read_bytes()[:64], Dimensions(MAX_PIXELS, 2), Notice()))


def test_a_tiff_that_lies_about_its_size_cannot_be_rendered(tmp_path: Path) -> None:
    path = save(tmp_path / "p", Image.new("RGB", (8, 8), RED), "TIFF")
    data = path.read_bytes()
    # Tags 256 and 257, a SHORT or a LONG of 8 each: now 12,000.
    for tag in (b"\x00\x01", b"\x01\x01"):
        for kind in (b"\x03\x00", b"\x04\x00"):
            entry = tag + kind + b"\x01\x00\x00\x00"
            data = data.replace(entry + b"\x08\x00", entry + (12_000).to_bytes(2, "little"))
    path.write_bytes(data)
    with pytest.raises(CannotRender):
        rendered(path)


def test_a_file_of_two_formats_is_rejected(tmp_path: Path) -> None:
    path = save(tmp_path / "p", Image.new("RGB", (8, 8), RED), "PNG")
    with pytest.raises(CannotRender, match="two formats"):
        list(render(path, b"\xff\xd8\xff\xe0", Dimensions(8, 8), Notice()))


@pytest.mark.parametrize("kind", ["photos", "damaged"])
def test_real_and_damaged_files_are_rendered_or_fail_with_a_reason(kind: str) -> None:
    directory = corpus.corpus()
    paths = corpus.photos(directory) if kind == "photos" else corpus.damaged(directory)
    outcomes: list[int | str] = []
    for path in paths:
        try:
            outcomes.append(len(rendered(path)))
        except ReindexFailure as failure:
            outcomes.append(failure.code)
    done = sum(isinstance(outcome, int) for outcome in outcomes)
    assert done >= (len(paths) * 9 // 10 if kind == "photos" else 10)
