"""The files of an audit in the run's bucket."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from reindex.batches import in_batches
from reindex.domain.audit import Counted, Entry
from reindex.domain.audit_classes import ImageClass
from reindex.domain.digest import id_hash
from reindex.stores.interfaces.run_files import RunFiles

#: Prefixes of the summaries and pages, which are kept; and of all other files, which expire.
AUDITS: Final = "audits/"
AUDIT_WORK: Final = "audit-work/"

#: Entries that a listing holds as text before it writes them to the partitions' files.
HELD_ENTRIES: Final = 200_000

#: Files that are read or written at once.
_AT_ONCE: Final = 8


class Part(StrEnum):
    """The kinds of parts that an audit is done in."""

    LISTED = "listed"
    COMPARED = "compared"


class Look(StrEnum):
    """Which of the two looks a list of ids is from."""

    FIRST = "suspects"
    SECOND = "confirmed"


def audit_id_of(execution_name: str) -> str:
    """Return the audit that an execution is of: one that resumes it adds a suffix to its name."""
    return execution_name.partition(".")[0]


def summary_key(audit_id: str) -> str:
    """Return the key of an audit's summary."""
    return f"{AUDITS}{audit_id}.json"


def page_key(audit_id: str) -> str:
    """Return the key of an audit's page."""
    return f"{AUDITS}{audit_id}.html"


def latest_summary(files: RunFiles) -> dict[str, Any] | None:
    """Return the summary of the latest audit that has ended; None when there is none.

    Raises:
        StoreUnavailable: S3 does not answer.
    """
    return next(_latest_summaries(files), None)


def reference_summary(files: RunFiles, audit_id: str) -> dict[str, Any] | None:
    """Return the summary that the sizes of an audit's listings are compared with.

    It is that of the latest earlier audit of which no listing was in doubt: one that had shrunk
    would make the loss look normal. None when there is none.

    Raises:
        StoreUnavailable: S3 does not answer.
    """
    earlier = _latest_summaries(files, before=audit_id)
    return next((summary for summary in earlier if not summary["shrunk"]), None)


def _latest_summaries(files: RunFiles, before: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield the summaries of audits that have ended, the latest first."""
    keys = [key for key in files.keys(AUDITS) if key.endswith(".json")]
    for key in reversed(keys):
        if before is None or key < summary_key(before):
            yield json.loads(files.get(key))


def bodies(files: RunFiles, prefix: str) -> Iterator[bytes]:
    """Yield the files of a class's ids, one id a line.

    Args:
        files: The run's bucket.
        prefix: Of the files, as the summary names it.

    Raises:
        StoreUnavailable: S3 does not answer.
    """
    for key in files.keys(prefix):
        yield files.get(key)


@dataclass(frozen=True, slots=True)
class AuditFiles:
    """The files of one audit."""

    files: RunFiles
    audit_id: str

    def plan(self) -> dict[str, Any]:
        """Return the plan.

        Raises:
            KeyError: There is none yet.
        """
        found: dict[str, Any] = json.loads(self.files.get(f"{self._folder}plan.json"))
        return found

    def keep_plan(self, plan: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a plan unless there is one; return the one that is kept."""
        self.files.create(f"{self._folder}plan.json", json.dumps(plan).encode())
        return self.plan()

    def is_done(self, part: Part, number: int) -> bool:
        """Return True if a part was done before."""
        try:
            self.files.get(self._done(part, number))
        except KeyError:
            return False
        return True

    def done(self, part: Part, number: int, counted: Counted) -> None:
        """Record that a part is done, and what it came to."""
        body = json.dumps(asdict(counted)).encode()
        self.files.put(self._done(part, number), body)

    def counted(self) -> Counted:
        """Return what all parts came to that are done."""
        total = Counted()
        for part in Part:
            for key in self.files.keys(f"{self._folder}{part}/"):
                total.add(Counted(**json.loads(self.files.get(key))))
        return total

    def progress(self) -> tuple[float, str]:
        """Return the share of the audit's parts that are done, and the same in words."""
        try:
            plan = self.plan()
        except KeyError:
            return 0.0, "is planned"
        total = {Part.LISTED: len(plan["parts"]), Part.COMPARED: plan["partitions"]}
        done = {part: len(self.files.keys(f"{self._folder}{part}/")) for part in Part}
        words = (
            f"{done[Part.LISTED]} of {total[Part.LISTED]} parts listed, "
            f"{done[Part.COMPARED]} of {total[Part.COMPARED]} compared"
        )
        return sum(done.values()) / (sum(total.values()) + 1), words

    def entry_files(self, partition: int) -> tuple[list[str], int]:
        """Return the keys of a partition's entries, and how many entries they hold together."""
        keys = self.files.keys(self._entries(partition))
        return keys, sum(int(key.rpartition("-")[2].split(".")[0]) for key in keys)

    def read(self, keys: Sequence[str]) -> Iterator[Entry]:
        """Yield the entries in some files."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for some in in_batches(keys, _AT_ONCE):
                for body in pool.map(self.files.get, some):
                    yield from json.loads(gzip.decompress(body))

    def write(self, partition: int, name: str, texts: Sequence[str]) -> None:
        """Write entries, each in JSON, to a file of a partition; one of that name is replaced."""
        body = gzip.compress(f"[{','.join(texts)}]".encode(), compresslevel=1)
        key = f"{self._entries(partition)}{name}-{len(texts)}.json.gz"
        self.files.put(key, body, "application/gzip")

    def ids_prefix(self, look: Look, name: ImageClass) -> str:
        """Return the prefix of the files with the ids of a class."""
        return f"{self._folder}{look}/{name}/"

    def put_ids(self, look: Look, name: ImageClass, number: int, ids: Iterable[str]) -> None:
        """Write ids of a class, one a line."""
        text = "".join(f"{image_id}\n" for image_id in ids)
        key = f"{self.ids_prefix(look, name)}{number:04d}.txt"
        self.files.put(key, text.encode("utf-8", "surrogatepass"), "text/plain; charset=utf-8")

    def ids(self, look: Look, name: ImageClass) -> Iterator[str]:
        """Yield the ids of a class."""
        for body in bodies(self.files, self.ids_prefix(look, name)):
            yield from filter(None, body.decode("utf-8", "surrogatepass").split("\n"))

    def put_summary(self, summary: Mapping[str, Any], page: str, content_type: str) -> None:
        """Write the summary and its page."""
        self.files.put(page_key(self.audit_id), page.encode(), content_type)
        self.files.put(summary_key(self.audit_id), json.dumps(summary).encode())

    @property
    def _folder(self) -> str:
        return f"{AUDIT_WORK}{self.audit_id}/"

    def _done(self, part: Part, number: int) -> str:
        return f"{self._folder}{part}/{number:04d}.json"

    def _entries(self, partition: int) -> str:
        return f"{self._folder}entries/{partition:04d}/"


class Spill:
    """Writes the entries of a part of a listing to the files of their partitions.

    A part that is tried again writes files of the same names: it replaces what it wrote before.

    Attributes:
        file: Number of the next files.
    """

    def __init__(self, files: AuditFiles, partitions: int, part: int, file: int) -> None:
        self._files = files
        self._partitions = partitions
        self._part = part
        self.file = file
        self._held: dict[int, list[str]] = {}
        self._count = 0

    def add(self, entries: Iterable[Entry]) -> None:
        """Take entries; write what is held when it is much."""
        for entry in entries:
            partition = id_hash(entry[0]) % self._partitions
            text = json.dumps(entry, separators=(",", ":"))
            self._held.setdefault(partition, []).append(text)
            self._count += 1
        if self._count >= HELD_ENTRIES:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        name = f"{self._part:04d}-{self.file:04d}"
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(
                pool.map(
                    lambda partition: self._files.write(partition, name, self._held[partition]),
                    self._held,
                )
            )
        self._held.clear()
        self._count = 0
        self.file += 1
