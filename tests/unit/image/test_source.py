import pytest

from reindex.image.source import rendition, source
from reindex.image.truth import Dimensions, FileMetadata, Rendition
from tests.unit.image.truths import stored

URI = "https://images.example.com/a"


@pytest.mark.parametrize(
    ("exif_orientation", "oriented", "orientation"),
    [
        (None, (400, 300), "landscape"),
        (1, (400, 300), "landscape"),
        (2, (400, 300), "landscape"),
        (3, (400, 300), "landscape"),
        (4, (400, 300), "landscape"),
        (5, (300, 400), "portrait"),
        (6, (300, 400), "portrait"),
        (7, (300, 400), "portrait"),
        (8, (300, 400), "portrait"),
    ],
)
def test_the_orientation_is_portrait_or_landscape(
    exif_orientation: int | None, oriented: tuple[int, int], orientation: str
) -> None:
    file = FileMetadata("image/jpeg", Dimensions(400, 300), exif_orientation)
    found = source(stored(URI, size=9), file)
    assert found == {
        "file": URI,
        "size": 9,
        "mimeType": "image/jpeg",
        "dimensions": {"width": 400, "height": 300},
        "orientedDimensions": {"width": oriented[0], "height": oriented[1]},
        "orientation": orientation,
        **(
            {"orientationMetadata": {"exifOrientation": exif_orientation}}
            if exif_orientation
            else {}
        ),
    }


@pytest.mark.parametrize(
    ("width", "height", "orientation"),
    [(3, 4, "portrait"), (4, 4, "landscape"), (5, 4, "landscape")],
)
def test_portrait_is_narrower_than_high(width: int, height: int, orientation: str) -> None:
    file = FileMetadata("image/png", Dimensions(width, height))
    assert source(stored(URI), file)["orientation"] == orientation


def test_a_rendition_has_the_same_shape() -> None:
    made = Rendition(stored(URI, size=9), "image/png", Dimensions(1, 2))
    assert rendition(made) == {
        "file": URI,
        "size": 9,
        "mimeType": "image/png",
        "dimensions": {"width": 1, "height": 2},
        "orientedDimensions": {"width": 1, "height": 2},
        "orientation": "portrait",
    }


def test_a_rendition_that_was_not_read_has_no_dimensions() -> None:
    assert rendition(Rendition(stored(URI, size=9), None, None)) == {"file": URI, "size": 9}


def test_a_missing_rendition_is_none() -> None:
    assert rendition(None) is None
