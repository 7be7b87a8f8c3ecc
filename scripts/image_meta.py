"""``reindex image-meta``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial, wraps
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import click

from reindex.tag_names import TagNames

from .addresses import Address, google_address
from .options import with_options
from .session import Session, example, with_session

if TYPE_CHECKING:
    from rich.console import RenderableType

    from reindex.processors.processing import NamedProcessor

    from .image_sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """The options that name images.

    Attributes:
        files: Of ``--file``.
        explained: Of ``--explain``.
        folder: Of ``--dir``.
        bucket: Of ``--bucket``.
        prefix: Of ``--prefix``.
    """

    files: tuple[str, ...]
    explained: tuple[str, ...]
    folder: str | None
    bucket: str | None
    prefix: str | None

    def require_consistent(self) -> None:
        """Check that the options name images, and do not contradict each other.

        Raises:
            UsageError: They do not.
        """
        _require_keys(self.files + self.explained)
        if self.prefix is not None and self.bucket is None:
            raise click.UsageError("--prefix needs --bucket.")
        if not self.files and not self.explained and self.folder is None and self.bucket is None:
            raise click.UsageError("which images? Give --file, --explain, --dir or --bucket.")

    def objects(self) -> Address | None:
        """Return the bucket and prefix of the objects to read; None without ``--bucket``.

        Raises:
            UsageError: The option names no bucket, or two prefixes.
        """
        return None if self.bucket is None else _objects(self.bucket, self.prefix)


_IMAGE_OPTIONS: Final = (
    click.option(
        "--file",
        "files",
        multiple=True,
        metavar="IMAGE",
        help="An image: PATH of a file, /BUCKET/KEY in S3, or gs://BUCKET/KEY in Google Cloud "
        "Storage; may be given again.",
    ),
    click.option(
        "--explain",
        "explained",
        multiple=True,
        metavar="IMAGE",
        help="Like --file; also says where each field of originalMetadata is from.",
    ),
    click.option("--dir", "folder", metavar="DIR", help="Every file below a folder."),
    click.option(
        "--bucket",
        metavar="BUCKET",
        help="Every object of a bucket in S3, or in Google Cloud Storage: gs://BUCKET[/PREFIX].",
    ),
    click.option("--prefix", metavar="P", help="With --bucket: only keys that begin so."),
)


def _image_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options that name images, as its argument ``images``."""

    @wraps(verb)
    def call(*args: Any, **given: Any) -> Any:
        images = Images(**{name: given.pop(name) for name in Images.__dataclass_fields__})
        images.require_consistent()
        return verb(*args, images=images, **given)

    return with_options(call, _IMAGE_OPTIONS)


@click.command(
    epilog=example(
        "reindex image-meta --file photo.jpg | jq .originalMetadata",
        "reindex image-meta --dir photos --write photos.jsonl",
        "reindex image-meta --file photo.jpg --tag-names metadata-extractor",
        "reindex image-meta --explain photo.jpg --processors PROD | jq .processors",
        "reindex image-meta --explain photo.jpg | jq .explanation.credit",
        "reindex image-meta --bucket originals --prefix a/b/ | jq -c [.source,.bytesRead]",
        "reindex image-meta --bucket gs://originals/a/b/ --write images.jsonl",
    )
)
@_image_options
@click.option("--write", metavar="FILE", help="Write to a file instead of stdout.")
@click.option("--full-read", is_flag=True, help="Read whole files, not just what is needed.")
@click.option(
    "--tag-names",
    type=click.Choice([*map(str, TagNames)]),
    default=str(TagNames.STANDARD),
    show_default=True,
    help="By whose names fileMetadata shows tags, as projection.tag_names of a stage.",
)
@click.option(
    "--processors",
    "stage_or_file",
    metavar="STAGE|FILE",
    help="Also apply the processors and rules of a stage in cdk.json, or of a JSON file with "
    "processors and rights; the files that they name are looked for beside it.",
)
@with_session
def image_meta(
    session: Session,
    *,
    images: Images,
    write: str | None,
    full_read: bool,
    tag_names: str,
    stage_or_file: str | None,
) -> None:
    """Print the metadata of images, one JSON object per line.

    Each has source, mimeType, size, bytesRead, requests, dimensions, fileMetadata and
    originalMetadata; or source and failure, with its code and message. No stack is needed.

    Google Cloud Storage needs the extra image-reindex[gcs], and the application default
    credentials of gcloud.

    With --explain there is an explanation as well: for each field of originalMetadata its value,
    the source that won, and what was passed over and why. On a terminal it is printed as a table,
    in place of all else.

    The exit status is 0 also when some images fail, and 1 when none could be read.
    """
    objects = images.objects()
    from .explanation_view import view
    from .image_readers import Readers
    from .image_sources import (
        StoredFile,
        describe,
        files_under,
        object_store,
        objects_under,
        source_of,
    )
    from .terminal import console, progress, show

    named = [source_of(name) for name in images.explained]
    given = [*named, *map(source_of, images.files)]
    stores = {source.address.store for source in given if isinstance(source, StoredFile)}
    # Before a file is created: the machine may lack what a store needs.
    for store in stores | ({objects.store} if objects else set()):
        object_store(store)
    read = partial(
        describe,
        full_read=full_read,
        explained=frozenset(source.name for source in named),
        tag_names=TagNames(tag_names),
        processors=_processors(stage_or_file) if stage_or_file else (),
    )
    sources: Iterator[Source] = chain(
        given,
        files_under(images.folder) if images.folder is not None else (),
        objects_under(objects) if objects else (),
    )
    if write:
        session.on_interrupt(f"{write} holds only a part of the images")
    with (
        click.open_file(write, "w", encoding="utf-8") if write else nullcontext() as file,
        progress("Reading") as advance,
        Readers(read) as readers,
    ):
        total, failed, why = 0, 0, "there are none"
        tables: list[RenderableType] = []
        for described in readers.in_order(sources):
            if "explanation" in described.line and not write and console().is_terminal:
                tables.append(view(described.line))
            else:
                click.echo(json.dumps(described.line, ensure_ascii=False), file=file)
            total += 1
            if failure := described.failure:
                failed += 1
                why = f"{failure.code}: {failure.message} {failure.detail}".rstrip()
            advance(total, f"{total:,} images, {failed:,} failed")
    # Not before: the progress bar is on the same terminal.
    for each in tables:
        show(each)
    if total == failed:
        raise click.ClickException(f"no image could be read: {why}")


def _processors(stage_or_file: str) -> Sequence[NamedProcessor]:
    """Load the processors of a stage of ./cdk.json, or of a file.

    Raises:
        UsageError: There is no such stage or file, or one of them cannot be loaded.
    """
    from pathlib import Path

    from reindex.processors.loading import ProcessorsError, load

    file = Path(stage_or_file)
    is_file = file.suffix == ".json"
    try:
        raw = json.loads((file if is_file else Path("cdk.json")).read_text(encoding="utf-8"))
        found = raw if is_file else raw["context"]["stages"][stage_or_file].get("projection", {})
        folder = file.parent if is_file else Path.cwd()
        return load(found.get("processors", []), found.get("rights"), folder)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        kind = "" if isinstance(error, ProcessorsError) else f"{type(error).__name__}: "
        raise click.UsageError(f"--processors {stage_or_file}: {kind}{error}") from error


def _require_keys(images: Iterable[str]) -> None:
    """Check what names images in Google Cloud Storage.

    Raises:
        UsageError: It names no object.
    """
    for image in images:
        address = google_address(image)
        if address and not (address.bucket and address.key):
            raise click.UsageError(f"{image} names no object: give gs://BUCKET/KEY.")


def _objects(bucket: str, prefix: str | None) -> Address:
    """Return where the objects of ``--bucket`` are.

    Raises:
        UsageError: It names no bucket, or two prefixes.
    """
    address = google_address(bucket) or Address("s3", bucket, "")
    if not address.bucket:
        raise click.UsageError("--bucket names no bucket.")
    if prefix is None:
        return address
    if address.key:
        raise click.UsageError("give the prefix with --prefix or in the address, not both.")
    return address._replace(key=prefix)
