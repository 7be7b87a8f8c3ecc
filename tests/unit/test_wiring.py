"""Wiring: settings arrive in the steps."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from reindex.domain.failures import StoreUnavailable
from reindex.settings import ALL_FUNCTIONS, COMMAND, FUNCTIONS, variables
from reindex.tag_names import TagNames
from reindex.wiring import Wiring
from reindex.wiring.clients import Clients
from tests.local import loopback


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


def test_the_secret_of_the_other_cluster_is_read_when_a_call_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def secret(_: Clients, arn: str) -> str:
        asked.append(arn)
        return json.dumps({"username": "u", "password": "p"})

    monkeypatch.setattr(Clients, "secret", secret)
    nowhere = [f"http://{loopback.ADDRESS}:{loopback.free_port()}" for _ in range(2)]
    groups = FUNCTIONS["indexer"]
    environ = {name: name.lower() for name, required in variables(groups).items() if required}
    environ |= {"ELASTICSEARCH_URL": nowhere[0], "OTHER_URL": nowhere[1], "OTHER_SECRET": "arn"}
    index = Wiring(environ, groups).index
    with pytest.raises(StoreUnavailable):
        index.uuid("images-000001")
    assert asked == []
    with pytest.raises(StoreUnavailable):
        index.uuid(f"{nowhere[1]}/images-000001")
    assert asked == ["arn"]
