"""Synthesized templates."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import App
from aws_cdk.assertions import Template

from cdk.bundling import Asset
from cdk.sample_library import SampleLibraryStack
from cdk.stack import ReindexStack
from cdk.stage_loading import load
from cdk.stage_settings import StageSettings
from tests.stack.readable import readable

ROOT = Path(__file__).parents[2]

CDK_JSON = json.loads((ROOT / "cdk.json").read_text())
EXAMPLE = json.loads((ROOT / "cdk" / "stage.example.json").read_text())

STREAM = (
    "arn:aws:dynamodb:eu-west-1:111122223333:table/library-edits/stream/2026-01-01T00:00:00.000"
)


@dataclass(frozen=True)
class Stage:
    """A synthesized stage."""

    settings: StageSettings
    template: Mapping[str, Any]

    def of_type(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """The resources of a type, by readable name."""
        return {
            readable({"Ref": name}): resource
            for name, resource in self.template["Resources"].items()
            if resource["Type"] == kind
        }

    def properties(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """The properties of all resources of a type, by readable name."""
        return {name: resource["Properties"] for name, resource in self.of_type(kind).items()}

    def one(self, kind: str) -> Mapping[str, Any]:
        """The properties of the only resource of a type."""
        (properties,) = self.properties(kind).values()
        return properties


def synthesize(settings: StageSettings, asset: Asset) -> Stage:
    stack = ReindexStack(App(context=CDK_JSON["context"]), settings, asset)
    return Stage(settings, Template.from_stack(stack).to_json())


def synthesize_sample_library(settings: StageSettings) -> Stage:
    stack = SampleLibraryStack(App(context=CDK_JSON["context"]), settings)
    return Stage(settings, Template.from_stack(stack).to_json())


def sample_stage() -> StageSettings:
    return load(CDK_JSON["context"]["stages"], "TEST")


def example_stage() -> StageSettings:
    return load({"PROD": EXAMPLE}, "PROD")


def ingest_stage() -> StageSettings:
    ingest = {
        "max_megabytes": 200,
        "concurrency": 10,
        "indexer_concurrency": 2,
        "searchable_minutes": 5,
        "follow": {"streams": [STREAM], "crops": True, "window_seconds": 10},
    }
    tuning = {name: v for name, v in EXAMPLE["tuning"].items() if name != "live_queue_url"}
    return load({"PROD": {**EXAMPLE, "ingest": ingest, "tuning": tuning}}, "PROD")
