"""The whole job on one machine: deploy, fill a library, reindex it, look at what came of it.

``make demo``, or ``python -m tests.local.demo``. What an operator would do is done by the
``reindex`` command itself. The exit status is 0 only if every image ended as the sample library
says it should.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, get_args

from PIL import Image
from rich.console import Console
from rich.table import Table

from reindex.domain.states import State
from reindex.stores.search.index import SearchIndex
from tests.local.deploy import DeployError
from tests.local.index_server import IndexServer
from tests.local.ministack import cloud
from tests.local.noida import index_server
from tests.local.processes import LocalServerError
from tests.local.projectors import (
    FUNCTION_ARN,
    Kind,
    as_loader_ends_it,
    create_function,
    sample_loader,
    write_mapping,
)
from tests.local.sample_library import Outcome, SampleLibrary
from tests.local.search_servers import real_server
from tests.local.stack import LocalStack, local_stack
from tests.local.versions import BY_ENGINE, SearchServer

#: Where the run's report, a page for people, is left to be looked at.
REPORT: Final = Path("build/report.html")

#: The mapping of a library whose own function builds its documents.
MAPPING: Final = Path("build/library-mapping.json")

#: The file that is submitted at the end.
SUBMITTED: Final = Path("build/submitted.jpg")
_DESCRIPTION: Final = "A gradient that nobody photographed"
_IMAGE_DESCRIPTION: Final = 0x010E

#: How long a submitted file may take on a machine that has other things to do.
_LIVE_SECONDS: Final = 120
_LOOK_SECONDS: Final = 0.2

#: Deviations shown one by one.
_SHOWN: Final = 20

#: In files and pipes, lines may be longer than a terminal's.
_WIDTH_OF_A_PIPE: Final = 140

#: Exit statuses after a signal: 128 and its number, as in shells.
_INTERRUPTED: Final = 128 + signal.SIGINT
_TERMINATED: Final = 128 + signal.SIGTERM


class DemoError(Exception):
    """A step of the demonstration failed; the message says which, and what it said."""


def demonstrate(
    console: Console,
    make: Callable[[], SampleLibrary],
    *,
    keep: bool,
    loader: Kind | None = None,
    server: SearchServer | None = None,
) -> bool:
    """Deploy, fill, reindex, and say what came of it.

    Args:
        console: Where to say it.
        make: Makes the library.
        loader: Who builds the documents; None for our own projection.
        keep: Whether all goes on running until it is interrupted.
        server: The real search server; None for noida-db, or what ``ELASTICSEARCH_URL`` names.

    Returns:
        Whether every image ended as it should.
    """
    with ExitStack() as running:
        with _step(console, "Deployed to a local cloud with cdk") as tell:
            # Deploying keeps little more than one core busy: the other makes the pictures.
            making = running.enter_context(ThreadPoolExecutor(1)).submit(make)
            index = running.enter_context(real_server(server) if server else index_server())
            stack, know = _deployed(running, loader, index)
            tell(f"index server: {stack.index.name}")
        with _step(console, "Filled the sample library") as tell:
            library = making.result()
            stack.fill(library)
            library = know(library)
            tell(_size(library))
        own_mapping = ["--mapping", str(MAPPING)] if loader == "function" else []
        prepare = ["prepare-index", *own_mapping]
        with _step(console, f"reindex {' '.join(prepare)}") as tell:
            tell(_reindex(stack, *prepare))
        if loader:
            console.print("[bold]>[/] reindex check-projector")
            _reindex(stack, "check-projector", capture=False)
        with _step(console, "reindex upload-ids -") as tell:
            tell(_reindex(stack, "upload-ids", "-", stdin="\n".join(library.ids)))
        console.print("[bold]>[/] reindex start --watch")
        _reindex(stack, "start", "--watch", capture=False)
        console.print("[bold]>[/] reindex scan-states")
        _reindex(stack, "scan-states", capture=False)
        with _step(console, f"reindex report --html {REPORT}") as tell:
            REPORT.parent.mkdir(exist_ok=True)
            tell(_reindex(stack, "report", "--html", str(REPORT)))
        outcomes = stack.outcomes()
        deviations = library.deviations(outcomes)
        _show_verdict(console, len(library.images), deviations)
        _show_hit(console, stack, library, outcomes)
        if loader is None:
            _submit(console, stack)
        if keep:
            _wait(console, stack)
    return not deviations


def _deployed(
    running: ExitStack, loader: Kind | None, index: IndexServer
) -> tuple[LocalStack, Callable[[SampleLibrary], SampleLibrary]]:
    """Deploy, with who builds the documents.

    Returns:
        The stack, and what makes a library known to that one: it returns the library with the
        endings that are to be expected then.
    """
    if loader == "service":
        endpoint_url = running.enter_context(cloud())
        sample, projection = running.enter_context(sample_loader(endpoint_url))
        stack = running.enter_context(
            local_stack(index, endpoint_url=endpoint_url, projection=projection)
        )

        def know(library: SampleLibrary) -> SampleLibrary:
            sample.know(library)
            return as_loader_ends_it(library)

        return stack, know
    if loader is None:
        stack = running.enter_context(local_stack(index, overrides={"ingest": {}}))
        return stack, lambda library: library
    write_mapping(MAPPING)
    projection = {"function": FUNCTION_ARN, "mapping": str(MAPPING)}
    stack = running.enter_context(local_stack(index, projection=projection))
    create_function(stack)
    return stack, lambda library: library


@contextmanager
def _step(console: Console, what: str) -> Iterator[Callable[[str], None]]:
    """Show that something goes on, and in the end one line: what, how long, what came of it."""
    details: list[str] = []
    started = time.monotonic()
    with console.status(what) if console.is_terminal else nullcontext():
        yield details.append
    seconds = time.monotonic() - started
    console.print(f"[green]✓[/] {what} [dim]({seconds:.1f} s)[/] {' '.join(details)}".rstrip())


def _reindex(
    stack: LocalStack, *arguments: str, stdin: str | None = None, capture: bool = True
) -> str:
    done = stack.reindex(*arguments, stdin=stdin, capture=capture)
    if done.returncode:
        said = f": {done.stderr.strip()}" if capture else ""
        raise DemoError(f"reindex {' '.join(arguments)} exited {done.returncode}{said}")
    return done.stdout.strip() if capture else ""


def _size(library: SampleLibrary) -> str:
    originals = [image.original for image in library.images if image.original is not None]
    rows = sum(len(found) for image in library.images for found in image.rows.values())
    megabytes = sum(map(len, originals)) / 1_000_000
    return f"{len(originals)} originals of {megabytes:.0f} MB, {rows} rows of user data"


def _show_verdict(console: Console, images: int, deviations: Sequence[str]) -> None:
    if not deviations:
        console.print(f"[green]✓[/] All {images} images ended as the sample library says")
        return
    console.print(f"[red]✗[/] {len(deviations)} of {images} images ended otherwise:")
    for deviation in deviations[:_SHOWN]:
        console.print(f"  {deviation}", markup=False)
    if len(deviations) > _SHOWN:
        console.print(f"  and {len(deviations) - _SHOWN} more")


def _show_hit(
    console: Console, stack: LocalStack, library: SampleLibrary, outcomes: Mapping[str, Outcome]
) -> None:
    """Search for an image by the title that people gave it, as they would."""
    verified = (image for image in library.images if outcomes[image.id][0] is State.VERIFIED)
    wanted = next((image for image in verified if image.title), None)
    if wanted is None or wanted.title is None:
        return
    stack.cluster.send("POST", f"/{stack.alias}/_refresh")
    hits = SearchIndex(stack.cluster).search(stack.alias, wanted.title)
    found = next((hit for hit in hits if hit["id"] == wanted.id), None)
    if found is None:
        raise DemoError(f"a search for {wanted.title!r} did not find {wanted.id}")
    console.print(f"[green]✓[/] A search for [bold]{wanted.title}[/] finds")
    console.print(_card(found))


def _submit(console: Console, stack: LocalStack) -> None:
    """Submit a file, and search for it until it is found.

    Raises:
        DemoError: It is not found in time.
    """
    SUBMITTED.parent.mkdir(exist_ok=True)
    exif = Image.Exif()
    exif[_IMAGE_DESCRIPTION] = _DESCRIPTION
    Image.linear_gradient("L").convert("RGB").save(SUBMITTED, "JPEG", exif=exif)
    with _step(console, f"reindex submit {SUBMITTED} --as demo") as tell:
        said = _reindex(stack, "submit", str(SUBMITTED), "--as", "demo")
        tell(said)
    image_id = said.split()[0]
    query = {"match_phrase": {"metadata.description": _DESCRIPTION}}
    with _step(console, "Archived, rendered and indexed by the live lane") as tell:
        deadline = time.monotonic() + _LIVE_SECONDS
        while image_id not in (found := stack.search(query)):
            if time.monotonic() > deadline:
                raise DemoError(f"a search did not find the submitted file:\n{stack.log_tails()}")
            time.sleep(_LOOK_SECONDS)
        tell(f"a search for {_DESCRIPTION!r} finds it")
    console.print(_card(found[image_id]))


def _card(document: Mapping[str, Any]) -> Table:
    """A document as a search's result may show it."""
    metadata, source = document["metadata"], document["source"]
    usages = [f"{usage['platform']} ({usage['status']})" for usage in document.get("usages", ())]
    leases = [lease["access"] for lease in document.get("leases", {}).get("leases", ())]
    places = (metadata.get(name) for name in ("subLocation", "city", "country"))
    provenance = document["esInfo"]["reindex"]
    lines = {
        "id": document["id"],
        "title": metadata.get("title"),
        "byline": metadata.get("byline"),
        "credit": metadata.get("credit"),
        "taken": metadata.get("dateTaken"),
        "place": ", ".join(filter(None, places)),
        "keywords": ", ".join(metadata.get("keywords", ())),
        "file": "{mimeType}, {dimensions[width]} x {dimensions[height]}, {size:,} bytes".format_map(
            source
        ),
        "usages": ", ".join(usages),
        "leases": ", ".join(leases),
        "collections": ", ".join(found["pathId"] for found in document.get("collections", ())),
        "crops": ", ".join(crop["id"] for crop in document.get("exports", ())),
        "reindexed by": f"run {provenance['runId']}, digest {provenance['digest']}",
    }
    card = Table.grid(padding=(0, 2))
    card.add_column(style="bold", justify="right")
    card.add_column(overflow="fold")
    for name, text in lines.items():
        if text:
            card.add_row(name, text)
    return card


def _wait(console: Console, stack: LocalStack) -> None:
    variables = (
        "AWS_ENDPOINT_URL",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_DEFAULT_REGION",
    )
    console.print("All of it goes on running until Ctrl-C. In another shell:")
    for name in (*variables, "REINDEX_STAGE"):
        console.print(f"  export {name}={stack.environ[name]}", markup=False)
    console.print(f"  export INDEX={stack.index.url}", markup=False)
    console.print(f"  export PATH={Path(sys.executable).parent}:$PATH", markup=False)
    console.print("Then, for one: reindex status, or reindex desk for all of it on one page")
    signal.pause()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.local.demo", description=__doc__)
    parser.add_argument(
        "--images", type=Path, metavar="FOLDER", help="take its files for the originals"
    )
    parser.add_argument(
        "--count", type=int, default=220, help="sound images to generate (default: %(default)s)"
    )
    parser.add_argument(
        "--engine",
        choices=["opensearch"],
        help="a real search server in place of the small one",
    )
    parser.add_argument("--keep", action="store_true", help="leave everything running until Ctrl-C")
    parser.add_argument(
        "--loader", choices=get_args(Kind), help="let the library build its documents itself"
    )
    found = parser.parse_args()
    if found.images and not found.images.is_dir():
        parser.error(f"{found.images} is no folder")
    return found


def main() -> None:
    """Demonstrate; the exit status says how it went."""
    arguments = _arguments()
    # Unwinds like Ctrl-C, so that nothing is left running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    console = Console(highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDTH_OF_A_PIPE

    def make() -> SampleLibrary:
        if arguments.images:
            return SampleLibrary.from_folder(arguments.images)
        return SampleLibrary.generate(arguments.count)

    started = time.monotonic()
    try:
        as_it_should = demonstrate(
            console,
            make,
            keep=arguments.keep,
            loader=arguments.loader,
            server=BY_ENGINE[arguments.engine] if arguments.engine else None,
        )
    except (DemoError, DeployError, LocalServerError, FileNotFoundError) as error:
        for text in (f"✗ {error}", *getattr(error, "__notes__", ())):
            console.print(text, markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("Interrupted; everything is stopped.")
        sys.exit(_INTERRUPTED)
    console.print(f"[dim]{time.monotonic() - started:.0f} s in all[/]")
    sys.exit(0 if as_it_should else 1)


if __name__ == "__main__":
    main()
