"""Reads the settings of a stage from ``cdk.json``, with one clear line for each problem."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cdk.stage_checks import problems
from cdk.stage_settings import StageSettings
from reindex.settings import SettingsError
from reindex.strict_json import merged, read

#: The name of the library that the sample-library stack makes.
SAMPLE = "sample"


def load(
    stages: Mapping[str, Any] | None, stage: str | None, overrides: str | None = None
) -> StageSettings:
    """Read one stage's settings.

    Args:
        stages: The entry ``stages`` of the context.
        stage: The stage to deploy.
        overrides: JSON text, laid over the stage's entry (``-c overrides=…``).

    Raises:
        SettingsError: The stage is unknown, or its entry wrong; the message says where.
    """
    known = stages or {}
    names = ", ".join(sorted(known)) or "none"
    if not stage:
        raise SettingsError(f"say which stage: -c stage=NAME; cdk.json knows {names}")
    if not isinstance(known.get(stage), dict):
        raise SettingsError(f"unknown stage {stage!r}: cdk.json knows {names}")
    raw = merged(known[stage], _object(overrides))
    if raw.get("library") == SAMPLE:
        raw["library"] = None
    elif raw.get("library") is None:
        raw.pop("library", None)
    where = f"stage {stage}"
    settings = read(StageSettings, {**raw, "stage": stage}, where)
    if found := list(problems(settings)):
        raise SettingsError(f"{where}: {'; '.join(found)}")
    return settings


def _object(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        raise SettingsError(f"overrides are not JSON: {error}") from error
    if not isinstance(found, dict):
        raise SettingsError("overrides are not a JSON object")
    return found
