"""The kinds of sources that a run's ids come from, by the names that people give them."""

from __future__ import annotations

from typing import Final

#: What is queued already; all originals; documents of the index; a file in the run's bucket.
TABLE, BUCKET, INDEX, FILE = SOURCES = ("table", "bucket", "index", "file")

#: What changed in the index that a migration's target follows: a run of a migration alone has it.
CHANGES: Final = "changes"

#: Where in the run's bucket files of ids lie: no other can be a source.
UPLOADS: Final = "uploads/"
