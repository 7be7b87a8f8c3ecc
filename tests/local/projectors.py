"""A library that builds its documents itself: an image loader, and a function of its own."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote

import boto3

from cdk import bundling
from cdk.stage_values import texts
from reindex.domain.failures import (
    LoaderRefused,
    NotAnImage,
    ReindexFailure,
    TooManyPixels,
    TruncatedImage,
    UnsupportedFormat,
)
from reindex.image.document import build
from reindex.image.extract import extract
from reindex.image.mapping import index_settings, mapping
from reindex.image.ranged import open_bytes
from reindex.image.truth import Dimensions, ImageTruth, Rendition, StoredObject
from reindex.settings import Bucket, LibrarySettings
from tests.local.deploy import ACCOUNT, CREDENTIALS, REGION
from tests.local.image_loader import HEADER, KEY, ImageLoader, Reply, image_loader
from tests.local.sample_library import Ending, SampleImage, SampleLibrary

if TYPE_CHECKING:
    from tests.local.stack import LocalStack

Kind = Literal["service", "function"]
"""Who builds the documents in place of our own projection."""

FUNCTION: Final = "library-projector"
FUNCTION_ARN: Final = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}"

_UPLOADED: Final = datetime(2024, 5, 17, 9, 30, tzinfo=UTC)

#: A loader's answer for a file that is not an image: only that it refuses it.
_OF_FILES: Final = {
    NotAnImage.code,
    TooManyPixels.code,
    TruncatedImage.code,
    UnsupportedFormat.code,
}


class SampleLoader:
    """The image loader of a sample library: what an image's file says, and nothing else.

    Attributes:
        library: What it knows; it may be filled later.
        service: The HTTP service.
    """

    def __init__(self) -> None:
        self.service: ImageLoader
        self._images: dict[str, SampleImage] = {}

    def know(self, library: SampleLibrary) -> None:
        """Make a library's images known."""
        self._images |= {image.id: image for image in library.images}

    def document(self, image_id: str) -> Mapping[str, Any] | Reply | None:
        """Return an image's document; what to answer if it is none."""
        image = self._images.get(image_id)
        if image is None or image.original is None:
            return None
        try:
            return build(_truth(image, image.original), datetime.now(UTC))
        except ReindexFailure as failure:
            return Reply(422, json.dumps({"errorKey": failure.code, "errorMessage": str(failure)}))


@contextmanager
def sample_loader(endpoint_url: str) -> Iterator[tuple[SampleLoader, dict[str, Any]]]:
    """Run a sample library's image loader for the time of a `with` block.

    Args:
        endpoint_url: Of the cloud, which keeps the loader's key.

    Yields:
        The loader, and the stage's setting ``projection`` for it.
    """
    sample = SampleLoader()
    client = boto3.client(
        "secretsmanager",
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )
    made = client.create_secret(Name="image-loader", SecretString=json.dumps({"key": KEY}))
    client.close()
    with image_loader(sample.document) as service:
        sample.service = service
        yield (
            sample,
            {
                "loader": {
                    "kind": "service",
                    "url": service.url,
                    "header": HEADER,
                    "secret": made["ARN"],
                    "concurrency": 8,
                }
            },
        )


def create_function(stack: LocalStack) -> None:
    """Create the library's own function: it answers with documents only.

    Args:
        stack: Deployed with :data:`FUNCTION_ARN` as ``projection.function``.
    """
    packed = io.BytesIO(bundling.build(bundling.LOCAL).path.read_bytes())
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.write(Path(__file__).with_name("own_function.py"), "own_function.py")
    environment = {
        "STAGE": stack.stage,
        "RUN_BUCKET": stack.settings[Bucket].run_bucket,
        **texts(asdict(stack.settings[LibrarySettings])),
    }
    stack.client("lambda").create_function(
        FunctionName=FUNCTION,
        Runtime="python3.14",
        Role=f"arn:aws:iam::{ACCOUNT}:role/{FUNCTION}",
        Handler="own_function.handler",
        Code={"ZipFile": packed.getvalue()},
        Timeout=30,
        MemorySize=512,
        Environment={"Variables": environment},
    )


def write_mapping(file: Path) -> None:
    """Write a library's own mapping, which is ours here, as an index is created with it."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"settings": index_settings(), "mappings": mapping()}))


def as_loader_ends_it(library: SampleLibrary) -> SampleLibrary:
    """Return a library whose images end as they do when an image loader reads their files."""
    refused = LoaderRefused.code
    return SampleLibrary(
        [
            replace(image, ending=Ending(image.ending.state, refused, image.ending.or_explained))
            if image.ending.code in _OF_FILES
            else image
            for image in library.images
        ]
    )


def _truth(image: SampleImage, original: bytes) -> ImageTruth:
    encoded = {name: quote(value, safe="") for name, value in image.object_metadata.items()}
    stored = StoredObject(f"https://loader.example/{image.id}", len(original), _UPLOADED, encoded)
    return ImageTruth(
        id=image.id,
        original=stored,
        file=extract(open_bytes(original)),
        thumbnail=_thumbnail(image),
    )


def _thumbnail(image: SampleImage) -> Rendition | None:
    if image.thumbnail is None:
        return None
    stored = StoredObject(
        f"https://loader.example/thumbs/{image.id}", len(image.thumbnail), _UPLOADED
    )
    return Rendition(stored, "image/jpeg", Dimensions(256, 192))
