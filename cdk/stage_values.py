"""Values that follow from the settings of a stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from cdk.bundling import LIBRARY_MAPPING, ROOT
from cdk.stage_settings import IndexSettings, ProjectionSettings, StageSettings
from reindex.processors.loading import LIBRARY_FOLDER, files_of
from reindex.settings import (
    COMMAND,
    FOLLOW_FUNCTIONS,
    FUNCTIONS,
    INGEST_FUNCTIONS,
    LibrarySettings,
    MetadataRules,
    Naming,
    OtherCluster,
    PhaseRules,
    Projection,
    Settings,
    variable,
)
from reindex.strict_json import Read

#: The only kind of loader there is.
SERVICE = "service"

#: Requests of one projection call to a loader, at most.
_REQUESTS_PER_CALL = 16


#: Settings of the functions with a default, which ``tuning`` may therefore override; those of
#: the cluster and the library have keys of their own.
TUNABLE = {
    f.name: f
    for group in COMMAND
    for f in fields(group)
    if f.default is not MISSING
    and group not in (LibrarySettings, MetadataRules, Naming, OtherCluster, Projection)
    and f.name not in {g.name for g in fields(StageSettings)}
    and f.name not in {f"index_{g.name}" for g in fields(IndexSettings)}
}


def tuned(settings: StageSettings) -> dict[str, Any]:
    """Every tunable setting's value in this stage."""
    return {name: settings.tuning.get(name, f.default) for name, f in TUNABLE.items()}


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return settings as environment variables; those that are None are left out."""
    return {name.upper(): _text(value) for name, value in values.items() if value is not None}


def phase_rules(settings: StageSettings) -> PhaseRules:
    """Return the schedules' settings, with this stage's tuning."""
    return group_of(PhaseRules, settings)


def group_of(group: type[Read], settings: StageSettings) -> Read:
    """Return a group of settings as a function will read it, to judge it before it is deployed."""
    # Names that the stack will generate may be any text here.
    required = {variable(f): "-" for f in fields(group) if f.default is MISSING}
    return Settings((group,), required | texts(tuned(settings)))[group]


def _text(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list() | tuple():
            return ",".join(map(str, value))
        case _:
            return str(value)


def functions(settings: StageSettings) -> dict[str, tuple[type, ...]]:
    """Return the settings that each function of a stage reads, by its handler's module."""
    ingest = settings.ingest
    return {
        **FUNCTIONS,
        **(INGEST_FUNCTIONS if ingest else {}),
        **(FOLLOW_FUNCTIONS if ingest and ingest.follow else {}),
    }


def secrets(settings: StageSettings) -> list[str]:
    """Return the ARNs of all secrets that functions read."""
    loader, other = settings.projection.loader, settings.index.other_cluster
    found = (
        settings.elasticsearch_secret,
        other.secret if other else None,
        loader.secret if loader else None,
    )
    return [arn for arn in found if arn]


def stage_file(path: str) -> Path:
    """Return a file that a stage names, relative to ``cdk.json``."""
    return ROOT / path


def asset_files(projection: ProjectionSettings) -> dict[str, Path]:
    """Return the library's own files that go into the asset, by their name there."""
    files = {LIBRARY_MAPPING: stage_file(projection.mapping)} if projection.mapping else {}
    for file in files_of(projection.processors, projection.rights):
        files[f"{LIBRARY_FOLDER}/{file}"] = stage_file(file)
    return files


def loader_pace(settings: StageSettings) -> tuple[int, int]:
    """Divide a loader's concurrency among projection calls.

    Few calls with many requests each cost less than the opposite: a call is billed while it waits.

    Returns:
        Projection calls that one worker has in flight, and requests of one such call.
    """
    loader = settings.projection.loader
    assert loader is not None
    mine = max(1, loader.concurrency // phase_rules(settings).workers)
    calls = min(-(-mine // _REQUESTS_PER_CALL), tuned(settings)["projection_concurrency"])
    return calls, max(1, mine // calls)


def projection_calls(settings: StageSettings) -> int:
    """Return the projection calls that one worker has in flight."""
    if settings.projection.loader:
        return loader_pace(settings)[0]
    return int(tuned(settings)["projection_concurrency"])
