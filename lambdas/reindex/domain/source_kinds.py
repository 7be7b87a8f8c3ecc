"""The kinds of sources of a run's ids, by their names in settings and options."""

from __future__ import annotations

from typing import Final

#: Rows that are already queued; all originals; documents of the index; a file in the run's bucket.
TABLE, BUCKET, INDEX, FILE = SOURCES = ("table", "bucket", "index", "file")

#: Documents that changed in a migration's source index; only a migration's rounds use it.
CHANGES: Final = "changes"

#: Prefix of the files of ids in the run's bucket; only these can be a source.
UPLOADS: Final = "uploads/"
