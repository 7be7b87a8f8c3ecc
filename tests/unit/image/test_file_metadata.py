from reindex.image.file_metadata import file_metadata
from reindex.image.names import LONGEST_NAME, storable_names
from tests.unit.image.truths import image_file


def test_every_group_appears_under_its_name() -> None:
    file = image_file(
        orientation=6,
        exif={"Make": "Canon"},
        exif_sub={"FNumber": "2.8"},
        iptc={"Keywords": ["a", "b"]},
        xmp={"dc:creator": ["Jo"]},
        icc={"Profile Description": "sRGB"},
        getty={"GettyImagesGIFT:AssetID": "1"},
        colour_model="RGB",
        colour_model_information={"hasAlpha": "false"},
        trimmed=("xmp", "exif_sub"),
    )
    assert file_metadata(file) == {
        "exif": {"Make": "Canon"},
        "exifSub": {"FNumber": "2.8"},
        "iptc": {"Keywords": ["a", "b"]},
        "xmp": {"dc:creator": ["Jo"]},
        "icc": {"Profile Description": "sRGB"},
        "getty": {"GettyImagesGIFT:AssetID": "1"},
        "colourModel": "RGB",
        "colourModelInformation": {"hasAlpha": "false"},
        "trimmed": ["exifSub", "xmp"],
    }


def test_empty_values_are_absent() -> None:
    assert file_metadata(image_file(exif={"Artist": " "}, iptc={"Keywords": ["", "\0"]})) == {}


def test_text_that_a_document_cannot_hold_is_repaired() -> None:
    found = file_metadata(image_file(exif={"Artist": "a\0b\ud800 \0"}))
    assert found == {"exif": {"Artist": "a b\ufffd"}}


def test_names_that_an_index_cannot_hold_are_changed_or_dropped() -> None:
    names = {
        "a.b": "dotted",
        "a_b": "was so already",
        "c.d": "dotted",
        "": "nameless",
        " ": "blank",
        "x" * (LONGEST_NAME + 1): "endless",
        "é" * (LONGEST_NAME // 2): "just so long",
    }
    assert storable_names(names) == {
        "a_b": "was so already",
        "c_d": "dotted",
        "é" * (LONGEST_NAME // 2): "just so long",
    }


def test_names_are_sorted() -> None:
    assert list(storable_names({"b": 1, "a": 2, "A": 3})) == ["A", "a", "b"]
