"""The calls by which Preflight finds out if a run can use each resource that it needs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields
from functools import partial

from reindex import settings as groups
from reindex.composition.run import TRUTHS
from reindex.domain.failures import IndexMisconfigured
from reindex.domain.states import Phase
from reindex.steps.preflight import Probe
from reindex.steps.projector_probe import probe_projector
from reindex.stores import probes as resources
from reindex.stores.id_sources import BucketIds
from reindex.wiring.stores import Stores

#: An id to read: the table's answer shows if the caller is allowed to read it.
_ANY_ID = "preflight"


def probes(stores: Stores) -> dict[str, Probe]:
    """Return the probes by the name of the resource, except that of the run's own execution."""
    settings, clients = stores.settings, stores.clients
    rules = settings[groups.PhaseRules]
    bucket = settings[groups.Bucket].run_bucket
    function = settings[groups.Projection]
    found: dict[str, Probe] = {
        "index": partial(_reach_index, stores),
        "progress table": lambda: stores.table.read([_ANY_ID]),
        "work list": lambda: stores.work_list.earliest(Phase.INDEX),
        "run record": stores.runs.current,
        "low-priority queue": stores.backlog.depth,
        "dead-letter queue": stores.dead_letters.depth,
        "run bucket": lambda: resources.bucket(clients.s3, bucket),
        "index rule": lambda: resources.rule(clients.events, rules.index_rule),
        "check rule": lambda: resources.rule(clients.events, rules.check_rule),
        "projection": lambda: resources.function(clients.lambda_, function.projection_function),
    }
    if function.projection_by != groups.OWN:
        originals = BucketIds(clients.s3, settings[groups.LibrarySettings])
        found[TRUTHS[function.projection_by]] = lambda: probe_projector(stores.projector, originals)
    found |= _library_probes(stores)
    if stores.live_queue:
        found["live queue"] = stores.live_queue.depth
    return found


def _library_probes(stores: Stores) -> dict[str, Probe]:
    """Return the probes of the library's buckets and tables."""
    clients = stores.clients
    library = stores.settings[groups.LibrarySettings]
    found: dict[str, Probe] = {}
    for name in (field.name for field in fields(library)):
        value = getattr(library, name)
        shown = name.replace("_", " ")
        if name == "originals_bucket":
            found[shown] = partial(resources.originals, clients.s3, library)
        elif value and name.endswith("_bucket"):
            found[shown] = partial(resources.bucket, clients.s3, value)
        elif value and name.endswith("_table"):
            found[shown] = partial(resources.library_table, clients.dynamodb, library, name)
    return found


def _reach_index(stores: Stores) -> None:
    """Connect to the cluster; Preflight itself finds what is wrong with its index."""
    with suppress(IndexMisconfigured):
        stores.index.resolve(stores.settings[groups.Elasticsearch].index_alias)
