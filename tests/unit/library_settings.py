"""The settings of a library that keeps everything, for tests and benches."""

from reindex.settings import LibrarySettings

EVERYTHING = LibrarySettings(
    originals_bucket="originals",
    thumbnails_bucket="thumbnails",
    crops_bucket="crops",
    usages_table="usages",
    leases_table="leases",
    collections_table="collections",
    edits_table="edits",
    syndication_table="syndication",
    status_table="status",
)
