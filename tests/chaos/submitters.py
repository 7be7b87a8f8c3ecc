"""People who submit files while a chaos run goes on, and what must have become of them.

They submit images of several formats, the same bytes in two names, other bytes under a key that was
used before, files that are no images, and one image that ends the function whenever it is met.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from random import Random
from typing import TYPE_CHECKING, Final

from PIL import Image

from tests.local.picture_files import Format, PictureFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_FORMATS: Final[Sequence[Format]] = ("JPEG", "PNG", "JPEG", "TIFF", "GIF", "WEBP")
_SIZE: Final = (96, 64)

#: Of the images: every so many is submitted again by another, or its key is used again.
_EVERY_TWIN: Final = 5
_EVERY_KEY: Final = 7

#: Files that are no images, for each so many images.
_EVERY_TEXT: Final = 10

#: Bytes above which a file is the one that ends the function.
POISON_BYTES: Final = 1_000_000
_POISON_SIZE: Final = (5_000, 4_000)

_IDENTIFIER: Final = "identifier!ref"


@dataclass(frozen=True, slots=True)
class SubmittedFile:
    """A submitted file.

    Attributes:
        key: Of the object in the ingest bucket.
        content: Its bytes.
        is_image: Whether it is to be published, or to fail.
        reference: An identifier that is submitted with it; empty for none.
    """

    key: str
    content: bytes
    is_image: bool = True
    reference: str = ""

    @property
    def image_id(self) -> str:
        """The id of its bytes."""
        return hashlib.sha1(self.content, usedforsecurity=False).hexdigest()

    @property
    def submitter(self) -> str:
        """Who submits it."""
        return self.key.partition("/")[0]

    @property
    def metadata(self) -> Mapping[str, str]:
        """The user metadata that is submitted with it."""
        return {f"{_IDENTIFIER}{self.submitter}": self.reference} if self.reference else {}


def files_of(images: int, rng: Random) -> list[SubmittedFile]:
    """Return the files that are submitted, in the order in which they are.

    Args:
        images: How many different images, besides the poison.
        rng: Draws the order.
    """
    files: list[SubmittedFile] = []
    for number in range(images):
        image = PictureFile(_FORMATS[number % len(_FORMATS)], _SIZE, 1_000 + number).make()
        again = number % _EVERY_KEY == 1
        # S3's events encode such a key.
        key = f"agency/{number - again} a+ü(1)%41.jpg"
        files.append(SubmittedFile(key, image))
        if number % _EVERY_TWIN == 0:
            files.append(SubmittedFile(f"desk/{number}.jpg", image, reference=f"desk-{number}"))
        if number % _EVERY_TEXT == 0:
            text = f"no image, number {number}".encode()
            files.append(SubmittedFile(f"desk/text {number}.jpg", text, is_image=False))
    rng.shuffle(files)
    # Early, for it takes three visibility timeouts until it is given up.
    return [SubmittedFile("agency/poison.jpg", _poison(), reference=""), *files]


@dataclass
class Submitters:
    """Submits files, one after the other.

    Attributes:
        s3: Client of the local cloud, past its faults.
        bucket: The ingest bucket.
        files: What is submitted by itself.
        sent: Everything that was submitted so far.
    """

    s3: S3Client
    bucket: str
    files: Sequence[SubmittedFile]
    sent: list[SubmittedFile] = field(default_factory=list)

    def submit(self, rng: Random, pause: float, over: threading.Event) -> None:
        """Submit everything, with pauses until the event is set.

        Args:
            rng: Draws the pauses.
            pause: Mean seconds between two files.
            over: Ends the pauses.
        """
        for file in self.files:
            self._send(file)
            over.wait(rng.expovariate(1 / pause))

    def submit_another(self, *, is_image: bool) -> None:
        """Submit one more file, so that the ingest function has work at once."""
        number = len(self.sent)
        image = PictureFile("JPEG", _SIZE, 2_000 + number).make()
        content = image if is_image else f"no image, number {number} of all".encode()
        self._send(SubmittedFile(f"desk/another {number}.jpg", content, is_image))

    def _send(self, file: SubmittedFile) -> None:
        self.s3.put_object(
            Bucket=self.bucket, Key=file.key, Body=file.content, Metadata=file.metadata
        )
        self.sent.append(file)


def _poison() -> bytes:
    """An image that takes long enough to be met at work: noise of 20 megapixels."""
    out = BytesIO()
    noise = Image.effect_noise((500, 400), 90).resize(_POISON_SIZE).convert("RGB")
    noise.save(out, "JPEG", quality=70)
    content = out.getvalue()
    assert len(content) > POISON_BYTES
    return content
