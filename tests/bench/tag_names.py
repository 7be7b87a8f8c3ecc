"""How far our reading agrees with metadata-extractor's: `python -m tests.bench.tag_names`.

Compares, for the corpus that IMAGE_REINDEX_CORPUS names, what `fileMetadata` shows with
`projection.tag_names` set to `metadata-extractor` with what the library's authors published for
the same photos (`reference-java.json`: the directories IPTC, Exif IFD0, Exif SubIFD, GPS,
Interoperability and ICC Profile). Before two texts are compared:

- blanks and NULs around a text do not count, and a text of nothing else is absent;
- a published text of 400 characters was cut there: ours agrees when it begins with it;
- tags for which the library has no name (`Unknown tag (0x02e7)`) are left out;
- photos of which nothing was published are left out: the library read nothing there.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from reindex.domain.failures import ReindexFailure
from reindex.image.extract import extract
from reindex.image.file_metadata import file_metadata
from reindex.image.ranged import open_path
from reindex.tag_names import TagNames
from tests.corpus import VARIABLE, find_corpus, java_reference, photos

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reindex.image.truth import FileMetadata

CUT: Final = 400
"""Characters of a published text."""

_BLANKS: Final = "\0 \t\r\n"

ROUNDS: Final = 5
"""Passes over the photos to measure what reading costs."""

MAPS: Final = {
    "Exif IFD0": "exif",
    "GPS": "exif",
    "Exif SubIFD": "exif_sub",
    "Interoperability": "exif_sub",
    "IPTC": "iptc",
    "ICC Profile": "icc",
}
"""In which map the document shows a directory."""

REASONS: Final = (
    ("Makernote", "", "a maker note that the library cannot read; the projection reads none"),
    ("Padding", "", "a tag that a program left free; the Grid leaves it out too"),
    ("", "jpg__Issue_122.jpg", "the library also shows a second IPTC record; a document has one"),
    ("", "jpg__Issue_173_dotnet_.jpg", "the library's text was published up to its first line end"),
    ("", "jpg__Nikon_E995_iptc_.jpg", "the library's text was published up to its first line end"),
    (
        "User Comment",
        "jpg__Issue_308.jpg",
        "a comment that contains only the name of its character set is empty",
    ),
    (
        "GPS Processing Method",
        "",
        "the library shows the name of the character set instead of the text",
    ),
    (
        "Copyright",
        "",
        "the text is in Latin-1; the library shows a replacement character for the umlaut",
    ),
)
"""Why a text differs, by the tag's name and the file's; empty for any."""

UNEXPLAINED: Final = "UNEXPLAINED"


@dataclass(frozen=True, slots=True)
class Difference:
    """One name or value in which the two differ; None for what one does not have."""

    file: str
    map: str
    name: str
    ours: str | None
    theirs: str | None

    @property
    def kind(self) -> str:
        """Whether a name is missing or added, or a value differs."""
        if self.ours is None:
            return "name missing"
        return "name added" if self.theirs is None else "value"

    @property
    def reason(self) -> str:
        """Why, for people."""
        for name, file, reason in REASONS:
            if name in ("", self.name) and file in ("", self.file):
                return reason
        return UNEXPLAINED


@dataclass(slots=True)
class Agreement:
    """What a comparison came to.

    Attributes:
        photos: That were compared.
        names: That both or either have.
        both: Names that both have.
        equal: Values of those that agree.
        differences: The rest.
    """

    photos: int = 0
    names: int = 0
    both: int = 0
    equal: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def of_names(self) -> float:
        """Share of the names of either that are names of both."""
        return self.both / self.names

    @property
    def of_values(self) -> float:
        """Share of the values under names of both that agree."""
        return self.equal / self.both

    @property
    def kinds(self) -> Counter[tuple[str, str]]:
        """How many differences there are of each kind and reason."""
        return Counter((each.kind, each.reason) for each in self.differences)


def compare(corpus: Path) -> Agreement:
    """Compare all photos of the corpus."""
    published = java_reference(corpus)
    result = Agreement()
    for path in photos(corpus):
        theirs = published.get(path.name)
        if not theirs:
            continue
        result.photos += 1
        ours = _read(path)
        shown: dict[str, dict[str, str]] = {name: {} for name in MAPS.values()}
        for directory, texts in theirs.items():
            shown[MAPS[directory]] |= texts
        for name, texts in shown.items():
            _compare(path.name, name, _said(ours.get(name, {})), _said(texts), result)
    return result


def _read(path: Path) -> Mapping[str, Mapping[str, Any]]:
    found = _extracted(path, TagNames.METADATA_EXTRACTOR)
    return (found.renamed if found else None) or {}


def _extracted(path: Path, names: TagNames) -> FileMetadata | None:
    with open_path(path) as file:
        try:
            return extract(file, names)
        except ReindexFailure:
            return None


def _said(texts: Mapping[str, Any]) -> dict[str, str]:
    """Return texts that say something; one of NULs may have a date's colons between them."""
    return {
        name: text
        for name, text in texts.items()
        if text.strip(f"{_BLANKS}:") and not name.startswith("Unknown tag")
    }


def _agree(ours: str, theirs: str) -> bool:
    left, right = ours.strip(_BLANKS), theirs.strip(_BLANKS)
    return left == right or (len(theirs) == CUT and left.startswith(right))


def _compare(
    file: str, shown_in: str, ours: dict[str, str], theirs: dict[str, str], into: Agreement
) -> None:
    for name in sorted({*ours, *theirs}):
        left, right = ours.get(name), theirs.get(name)
        into.names += 1
        if left is not None and right is not None:
            into.both += 1
            if _agree(left, right):
                into.equal += 1
                continue
        into.differences.append(Difference(file, shown_in, name, left, right))


def tables(found: Agreement) -> str:
    """Return the shares, and each kind of disagreement with its count, as Markdown."""
    rows = [
        f"| names | {found.both:,} of {found.names:,} | {found.of_names:.2%} |",
        f"| values of these names | {found.equal:,} of {found.both:,} | {found.of_values:.2%} |",
    ]
    kinds = [
        f"| {count} | {kind} | {reason} |" for (kind, reason), count in found.kinds.most_common()
    ]
    return "\n".join(
        [
            f"| of {found.photos} photos | agree | share |",
            "| --- | --- | --- |",
            *rows,
            "",
            "| disagreements | kind | reason |",
            "| --- | --- | --- |",
            *kinds,
        ]
    )


def costs(files: list[Path]) -> dict[TagNames, tuple[float, int]]:
    """Return, for either naming, seconds of processor time to read all files, and the most bytes.

    The time is that of the fastest of several passes; the bytes are those of the largest
    ``fileMetadata`` as JSON.
    """
    found: dict[TagNames, tuple[float, int]] = {}
    for _ in range(ROUNDS):
        for names in TagNames:
            start = time.process_time()
            read = [_extracted(path, names) for path in files]
            seconds = time.process_time() - start
            sizes = [len(json.dumps(file_metadata(each))) for each in read if each]
            best = min(seconds, found[names][0]) if names in found else seconds
            found[names] = best, max(sizes)
    return found


def main() -> int:
    """Compare, print, and return 1 when a difference has no known reason."""
    corpus = find_corpus()
    if corpus is None:
        print(f"{VARIABLE} names no directory with photos, damaged and reference.json")
        return 2
    found = compare(corpus)
    print(f"{tables(found)}\n")
    for each in found.differences:
        print(f"{each.file} {each.map} {each.name}: {each.ours!r:.60} | {each.theirs!r:.60}")
    for names, (seconds, size) in costs(photos(corpus)).items():
        print(f"{names}: {seconds * 1000:.0f} ms to read all photos, at most {size:,} bytes")
    return int(any(each.reason == UNEXPLAINED for each in found.differences))


if __name__ == "__main__":
    sys.exit(main())
