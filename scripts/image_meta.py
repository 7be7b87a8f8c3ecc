"""``reindex image-meta``."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from itertools import chain, islice
from multiprocessing import resource_tracker
from typing import Self

import click

from scripts.image_sources import (
    OBJECTS_AT_ONCE,
    Described,
    LocalFile,
    Source,
    describe,
    files_under,
    objects_under,
    source_of,
)
from scripts.session import Session, example, pass_session
from scripts.terminal import progress

#: Local files up to which this process reads them itself: others take a while to start.
_FEW = 32

#: Images read ahead of the one to be written: bounds memory, keeps everyone busy.
_AHEAD = 64


@click.command(
    epilog=example(
        "reindex image-meta --file photo.jpg | jq .originalMetadata",
        "reindex image-meta --dir photos --write photos.jsonl",
        "reindex image-meta --explain photo.jpg | jq .explanation.credit",
        "reindex image-meta --bucket originals --prefix a/b/ | jq -c [.source,.bytesRead]",
    )
)
@click.option(
    "--file",
    "files",
    multiple=True,
    metavar="PATH|/BUCKET/KEY",
    help="An image: a file, or an object in S3; may be given again.",
)
@click.option(
    "--explain",
    "explained",
    multiple=True,
    metavar="PATH|/BUCKET/KEY",
    help="Like --file; also says where each field of originalMetadata is from.",
)
@click.option("--dir", "folder", metavar="DIR", help="Every file below a folder.")
@click.option("--bucket", metavar="BUCKET", help="Every object of a bucket.")
@click.option("--prefix", metavar="P", help="With --bucket: only keys that begin so.")
@click.option("--write", metavar="FILE", help="Write to a file instead of stdout.")
@click.option("--full-read", is_flag=True, help="Read whole files, not just what is needed.")
@pass_session
def image_meta(  # noqa: PLR0913 (one for each option)
    session: Session,
    *,
    files: tuple[str, ...],
    explained: tuple[str, ...],
    folder: str | None,
    bucket: str | None,
    prefix: str | None,
    write: str | None,
    full_read: bool,
) -> None:
    """Print the metadata of images, one JSON object per line.

    Each has source, mimeType, size, bytesRead, requests, dimensions, fileMetadata and
    originalMetadata; or source and failure, with its code and message. No stack is needed.

    With --explain there is an explanation as well: for each field of originalMetadata its value,
    the source that won, and what was passed over and why.

    The exit status is 0 also when some images fail, and 1 when none could be read.
    """
    if prefix is not None and bucket is None:
        raise click.UsageError("--prefix needs --bucket.")
    if not files and not explained and folder is None and bucket is None:
        raise click.UsageError("which images? Give --file, --explain, --dir or --bucket.")
    named = [source_of(name) for name in explained]
    read = partial(
        describe, full_read=full_read, explained=frozenset(source.name for source in named)
    )
    sources: Iterator[Source] = chain(
        named,
        map(source_of, files),
        files_under(folder) if folder is not None else (),
        objects_under(bucket, prefix or "") if bucket is not None else (),
    )
    if write:
        session.stands(f"{write} holds only a part of the images")
    with (
        click.open_file(write, "w", encoding="utf-8") if write else nullcontext() as file,
        progress("Reading") as advance,
        _Readers(read) as readers,
    ):
        images, failed, why = 0, 0, "there are none"
        for described in readers.in_order(sources):
            click.echo(json.dumps(described.line, ensure_ascii=False), file=file)
            images += 1
            if failure := described.failure:
                failed += 1
                why = f"{failure.code}: {failure.message} {failure.detail}".rstrip()
            advance(images, f"{images:,} images, {failed:,} failed")
    if images == failed:
        raise click.ClickException(f"no image could be read: {why}")


class _Readers:
    """Reads images side by side: many local files by processes, all others by threads.

    Reading a local file is nearly all computation, reading an object nearly all waiting.
    """

    def __init__(self, read: Callable[[Source], Described]) -> None:
        self._read = read
        self._stack = ExitStack()
        self._threads: Executor = self._open(ThreadPoolExecutor(OBJECTS_AT_ONCE))
        self._processes: Executor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def in_order(self, sources: Iterable[Source]) -> Iterator[Described]:
        """What each image says, in the order of the sources."""
        waiting: deque[Future[Described]] = deque()
        rest = iter(sources)
        for source in islice(rest, _FEW):
            waiting.append(self._threads.submit(self._read, source))
        for source in rest:
            reader = self._reader(source)
            with _interrupts_held_back():
                waiting.append(reader.submit(self._read, source))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _reader(self, source: Source) -> Executor:
        if not isinstance(source, LocalFile):
            return self._threads
        if self._processes is None:
            # What Python starts it with, beside the first process, lets interrupts through.
            resource_tracker.ensure_running()
            self._processes = self._open(
                ProcessPoolExecutor(
                    os.cpu_count(),
                    # A fork would inherit this process's threads in whatever state they are.
                    mp_context=multiprocessing.get_context("spawn"),
                )
            )
        return self._processes

    def _open(self, pool: Executor) -> Executor:
        self._stack.callback(pool.shutdown, cancel_futures=True)
        return pool


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Let no interrupt through for a moment, nor ever to a process that is started in it.

    A terminal interrupts all processes of a command; it is for this one to end the others.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
