"""Wiring: settings arrive in the steps."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from reindex.settings import ALL_FUNCTIONS, COMMAND, FUNCTIONS, variables
from reindex.tag_names import TagNames
from reindex.wiring import Wiring


@pytest.mark.parametrize("groups", [FUNCTIONS["image_projection"], COMMAND])
def test_function_and_command_name_tags_as_the_stage_says(
    groups: Iterable[type], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    environ = {name: name.lower() for name, required in variables(groups).items() if required}
    environ["TAG_NAMES"] = "metadata-extractor"
    assert Wiring(environ, groups).run_steps.projection.tag_names is TagNames.METADATA_EXTRACTOR


@pytest.mark.parametrize(
    ("function", "step"), [("ingest", "ingest_messages"), ("follow", "follow")]
)
def test_a_function_of_the_live_lane_builds_its_step_from_its_own_settings(
    monkeypatch: pytest.MonkeyPatch, function: str, step: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    groups = ALL_FUNCTIONS[function]
    environ = {name: name.lower() for name, required in variables(groups).items() if required}
    assert getattr(Wiring(environ, groups).lane, step)
