from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from moto import mock_aws
from PIL import Image
from rich.console import Console

from scripts import image_readers, image_sources
from scripts.addresses import Address
from scripts.explanation_view import view
from scripts.image_sources import LocalFile, StoredFile, source_of
from scripts.object_stores import S3Objects
from tests.unit.aws import SESSION
from tests.unit.scripts.stage import call


def picture(kind: str = "JPEG", title: str = "A harbour") -> bytes:
    exif = Image.Exif()
    exif[0x010E] = title
    exif.get_ifd(0x8769)[0x9003] = "2024:05:17 09:30:00"
    file = io.BytesIO()
    Image.new("RGB", (40, 30)).save(file, kind, exif=exif)
    return file.getvalue()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(picture())
    return path


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 with a bucket ``originals``, which the command finds."""
    with mock_aws():
        client = SESSION.client("s3")
        client.create_bucket(Bucket="originals")
        monkeypatch.setattr(image_sources, "connect_s3", lambda _: S3Objects(client, client))
        image_sources.object_store.cache_clear()
        yield client
        image_sources.object_store.cache_clear()


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_file_says_what_it_is(photo: Path) -> None:
    result = call("image-meta", "--file", str(photo))
    assert (result.exit_code, result.stderr) == (0, "")
    [line] = lines(result)
    assert list(line) == [
        "source",
        "mimeType",
        "size",
        "bytesRead",
        "requests",
        "dimensions",
        "fileMetadata",
        "originalMetadata",
    ]
    size = photo.stat().st_size
    assert (line["source"], line["mimeType"]) == (str(photo), "image/jpeg")
    assert (line["size"], line["bytesRead"], line["requests"]) == (size, size, 1)
    assert line["dimensions"] == {"width": 40, "height": 30}
    assert line["fileMetadata"]["exif"]["ImageDescription"] == "A harbour"
    assert line["originalMetadata"]["description"] == "A harbour"


def test_tags_have_the_names_that_are_asked_for(photo: Path) -> None:
    [standard] = lines(call("image-meta", "--file", str(photo)))
    [other] = lines(call("image-meta", "--file", str(photo), "--tag-names", "metadata-extractor"))
    assert standard["fileMetadata"]["exifSub"] == {"DateTimeOriginal": "2024:05:17 09:30:00"}
    assert other["fileMetadata"]["exifSub"] == {"Date/Time Original": "2024:05:17 09:30:00"}
    assert other["originalMetadata"] == standard["originalMetadata"]


def test_what_was_decided_is_explained(photo: Path, tmp_path: Path) -> None:
    camera = tmp_path / "camera.jpg"
    camera.write_bytes(picture(title="OLYMPUS DIGITAL CAMERA"))
    result = call("image-meta", "--explain", str(camera), "--file", str(photo))
    explained, plain = lines(result)
    assert explained["source"] == str(camera)
    assert "description" not in explained["originalMetadata"]
    assert explained["explanation"] == {
        "dateTaken": {
            "value": "2024-05-17T09:30:00.000Z",
            "source": "exifSub DateTimeOriginal",
        },
        "description": {
            "passedOver": [
                {
                    "source": "exif ImageDescription",
                    "value": "OLYMPUS DIGITAL CAMERA",
                    "why": "says nothing; left by cameras: the name of their kind",
                }
            ]
        },
    }
    assert "explanation" not in plain
    other = call("image-meta", "--explain", str(photo))
    [line] = lines(other)
    assert line["explanation"]["description"] == {
        "value": "A harbour",
        "source": "exif ImageDescription",
    }


def test_on_a_terminal_what_was_decided_is_a_table(photo: Path) -> None:
    [line] = lines(call("image-meta", "--explain", str(photo)))
    line["explanation"]["credit"] = {
        "passedOver": [{"source": "iptc Credit", "value": "N/A\x1b[31m", "why": "says nothing"}]
    }
    written = io.StringIO()
    Console(file=written, width=120).print(view(line))
    rows = [row.split() for row in written.getvalue().splitlines()]
    assert ["description", "A", "harbour", "exif", "ImageDescription"] in rows
    assert ["credit", "(nothing)"] in rows
    assert ["-", "N/A\\x1b[31m", "iptc", "Credit", "says", "nothing"] in rows


def test_one_that_cannot_be_read_does_not_stop_the_others(photo: Path, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not an image")
    absent = str(tmp_path / "absent.jpg")
    result = call("image-meta", "--file", str(text), "--file", absent, "--file", str(photo))
    assert result.exit_code == 0
    assert lines(result)[:2] == [
        {
            "source": str(text),
            "failure": {"code": "not_an_image", "message": "The file is of no image format."},
        },
        {
            "source": absent,
            "failure": {"code": "not_found", "message": "There is no such file."},
        },
    ]
    assert lines(result)[2]["mimeType"] == "image/jpeg"


def test_none_that_can_be_read_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no")
    result = call("image-meta", "--dir", str(tmp_path))
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: no image could be read: not_an_image: The file is")
    assert len(lines(result)) == 1


def test_an_empty_folder_is_a_failure(tmp_path: Path) -> None:
    result = call("image-meta", "--dir", str(tmp_path))
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: no image could be read: there are none\n",
    )


def test_a_folder_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    assert call("image-meta", "--dir", str(tmp_path / "absent")).exit_code == 1


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--prefix", "a"),
        ("--prefix", "a", "--dir", "."),
        ("--bucket", "gs://bucket/a", "--prefix", "b"),
        ("--bucket", "gs://"),
        ("--bucket", ""),
        ("--file", "gs://bucket"),
        ("--explain", "gs:///key"),
    ],
)
def test_wrong_usage(args: tuple[str, ...]) -> None:
    assert call("image-meta", *args).exit_code == 2


@pytest.mark.parametrize("few", [0, 1, 32])
def test_a_folder_comes_in_order_however_it_is_read(
    photo: Path, few: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_readers, "_FEW", few)
    monkeypatch.setattr(image_readers, "_AHEAD", 2)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "z.png").write_bytes(picture("PNG"))
    (tmp_path / "a.webp").write_bytes(picture("WEBP"))
    out = tmp_path.parent / "out.jsonl"
    result = call("image-meta", "--dir", str(tmp_path), "--write", str(out))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert [Path(line["source"]).name for line in found] == ["a.webp", "photo.jpg", "z.png"]
    assert [line["mimeType"] for line in found] == ["image/webp", "image/jpeg", "image/png"]


def test_a_full_read_finds_the_same_with_all_bytes(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    path.write_bytes(picture() + bytes(1_000_000))
    [ranged] = lines(call("image-meta", "--file", str(path)))
    [full] = lines(call("image-meta", "--file", str(path), "--full-read"))
    assert ranged.pop("bytesRead") < 100_000
    assert full.pop("bytesRead") == path.stat().st_size
    assert ranged == full


def test_a_full_read_has_a_bound(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_sources, "MAX_FULL_READ", 100)
    result = call("image-meta", "--file", str(photo), "--full-read")
    assert lines(result)[0]["failure"]["message"] == "The file is too large to be read whole."


def test_what_we_did_not_foresee_is_one_images_failure(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_sources, "extract", lambda *_: 1 / 0)
    result = call("image-meta", "--file", str(photo))
    assert lines(result)[0]["failure"]["code"] == "unexpected"
    assert "ZeroDivisionError" in result.stderr


def test_objects_of_a_bucket(objects: Any) -> None:
    objects.put_object(Bucket="originals", Key="a/1", Body=picture())
    objects.put_object(Bucket="originals", Key="a/2", Body=b"")
    objects.put_object(Bucket="originals", Key="a/folder/", Body=b"")
    objects.put_object(Bucket="originals", Key="b/3", Body=picture("PNG"))
    result = call("image-meta", "--bucket", "originals", "--prefix", "a/")
    assert result.exit_code == 0
    first, second = lines(result)
    assert (first["source"], first["requests"]) == ("/originals/a/1", 1)
    assert second["failure"]["code"] == "not_an_image"
    assert len(lines(call("image-meta", "--bucket", "originals"))) == 3


def test_one_object_and_its_upload_time(objects: Any) -> None:
    metadata = {"upload-time": "2024-05-01T00%3A00%3A00Z"}
    objects.put_object(Bucket="originals", Key="k", Body=picture(), Metadata=metadata)
    [line] = lines(call("image-meta", "--file", "/originals/k", "--full-read"))
    assert line["mimeType"] == "image/jpeg"
    # A picture is not taken after its upload.
    assert "dateTaken" not in line["originalMetadata"]


def test_objects_and_buckets_that_are_not_there(objects: Any) -> None:
    result = call("image-meta", "--file", "/originals/absent")
    assert lines(result)[0]["failure"]["code"] == "not_found"
    result = call("image-meta", "--bucket", "absent")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "NoSuchBucket" in result.stderr


def test_a_path_in_a_folder_that_exists_is_no_object(photo: Path) -> None:
    assert source_of(f"{photo}.absent") == LocalFile(f"{photo}.absent")
    assert source_of("/bucket/a/key") == StoredFile(Address("s3", "bucket", "a/key"))
    assert source_of("gs://bucket/a/key") == StoredFile(Address("gs", "bucket", "a/key"))
    assert source_of("/bucket") == LocalFile("/bucket")
    assert source_of("some/file") == LocalFile("some/file")


def test_a_local_picture_may_be_taken_up_to_now(photo: Path) -> None:
    _, until = LocalFile(str(photo)).open(whole=False)
    assert (datetime.now(UTC) - until).total_seconds() < 60


@pytest.mark.parametrize("image", [("--file", "gs://bucket/key"), ("--bucket", "gs://bucket")])
@pytest.mark.parametrize("lacking", ["extra", "credentials"])
def test_what_google_storage_needs_is_named_before_a_file_is_written(
    lacking: str, image: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    image_sources.object_store.cache_clear()
    if lacking == "extra":
        monkeypatch.delitem(sys.modules, "scripts.google_storage", raising=False)
        monkeypatch.setitem(sys.modules, "google.cloud.storage", None)
        named = "image-reindex[gcs]"
    else:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
        named = "GOOGLE_APPLICATION_CREDENTIALS"
    out = tmp_path / "out.jsonl"
    result = call("image-meta", *image, "--write", str(out))
    assert result.exit_code == 1
    assert named in result.stderr
    assert result.stderr.count("\n") == 1
    assert not out.exists()


def test_a_stages_processors_and_rules_are_shown_on_a_file(tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(picture())
    (tmp_path / "ours.py").write_text(
        "def tidy(draft):\n    return draft.with_metadata(title='T', description=None)\n"
    )
    rules = {"rights": [{"when": {"title": {"is": "T"}}, "rights": {"category": "agency"}}]}
    (tmp_path / "rights.json").write_text(json.dumps(rules))
    stage = tmp_path / "stage.json"
    stage.write_text(json.dumps({"processors": ["ours.py:tidy"], "rights": "rights.json"}))

    result = call("image-meta", "--explain", str(file), "--processors", str(stage))

    line = json.loads(result.stdout)
    assert line["originalMetadata"].keys() == {"title", "dateTaken"}
    assert line["originalUsageRights"] == {"category": "agency"}
    assert [(each["by"], each["field"]) for each in line["processors"]] == [
        ("ours.py:tidy", "metadata.description"),
        ("ours.py:tidy", "metadata.title"),
        ("rights: rights[0]", "rights.category"),
    ]
    plain = json.loads(call("image-meta", "--file", str(file)).stdout)
    assert "originalUsageRights" not in plain


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (None, "FileNotFoundError"),
        ("{", "JSONDecodeError"),
        ('{"processors": ["strip"]}', "there is no processor strip"),
    ],
)
def test_processors_that_cannot_be_loaded_are_wrong_usage(
    tmp_path: Path, written: str | None, problem: str
) -> None:
    stage = tmp_path / "stage.json"
    if written is not None:
        stage.write_text(written)
    result = call("image-meta", "--file", "x", "--processors", str(stage))
    assert result.exit_code == 2
    assert problem in result.stderr
