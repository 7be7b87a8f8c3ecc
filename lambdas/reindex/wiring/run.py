"""The ports of a run that several stores, or the settings, have a part in."""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path

from reindex import settings as groups
from reindex.domain.options import Source
from reindex.domain.source_kinds import CHANGES, FILE, INDEX
from reindex.processors.loading import LIBRARY_FOLDER, ProcessorsError, load
from reindex.processors.processing import NamedProcessor
from reindex.settings import SettingsError
from reindex.steps.preflight import Probe
from reindex.stores.changed_ids import ChangedIds
from reindex.stores.id_sources import BucketIds, FileIds
from reindex.stores.interfaces.id_sources import IdSource
from reindex.stores.notices import ChatWebhook, SnsTopic
from reindex.wiring.preflight_probes import probes
from reindex.wiring.search import ASSET
from reindex.wiring.stores import Stores


class RunStores(Stores):
    """The stores of a run."""

    def id_source(self, source: Source) -> IdSource:
        """Return the store that lists the ids of a run's source."""
        if source.kind == INDEX:
            # Imports the search client: see reindex.wiring.search.
            from reindex.stores.search.ids import IndexIds  # noqa: PLC0415

            alias = self.settings[groups.Elasticsearch].index_alias
            return IndexIds(self.own_index, alias, source.query, source.lacking)
        if source.kind == CHANGES:
            return ChangedIds(self.index, self.migrations, surplus=bool(source.surplus))
        if source.kind == FILE:
            bucket = self.settings[groups.Bucket].run_bucket
            return FileIds(self.clients.s3, bucket, source.key or "")
        return BucketIds(self.clients.s3, self.settings[groups.LibrarySettings])

    @property
    def probes(self) -> dict[str, Probe]:
        """The calls of Preflight that show if a run can use each resource, by its name."""
        return probes(self)

    @cached_property
    def processors(self) -> list[NamedProcessor]:
        """The library's processors of files' metadata.

        Raises:
            SettingsError: One of them cannot be loaded. The command looks for the library's own
                files in the current directory: beside ``cdk.json``.
        """
        rules = self.settings[groups.MetadataRules]
        packed = ASSET / LIBRARY_FOLDER
        try:
            return load(rules.processors, rules.rights, packed if packed.is_dir() else Path.cwd())
        except ProcessorsError as error:
            raise SettingsError(f"projection.processors: {error}") from error

    @property
    def topic(self) -> SnsTopic:
        """The topic of notices."""
        return SnsTopic(self.clients.sns, self.settings[groups.Notices].notice_topic)

    @property
    def chat(self) -> ChatWebhook | None:
        """The chat that receives notices; None when the settings name none."""
        secret = self.settings[groups.Notices].notice_webhook
        return ChatWebhook(partial(self.clients.secret, secret)) if secret else None
