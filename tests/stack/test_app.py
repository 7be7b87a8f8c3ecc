import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack

from cdk import app, bundling
from cdk.bundling import Asset, Target
from reindex.settings import SettingsError
from tests.stack.templates import CDK_JSON, EXAMPLE, ROOT


@pytest.fixture
def built(asset: Asset, monkeypatch: pytest.MonkeyPatch) -> list[Target]:
    """The targets that assets are built for."""
    targets: list[Target] = []

    def build(target: Target, files: Mapping[str, Path]) -> Asset:
        assert isinstance(files, dict)
        targets.append(target)
        return asset

    monkeypatch.setattr(bundling, "build", build)
    return targets


def stacks(**context: Any) -> list[str]:
    made = App(context={**CDK_JSON["context"], **context})
    app.build(made)
    return [child.stack_name for child in made.node.children if isinstance(child, Stack)]


def test_a_stage_with_the_sample_library(built: list[Target]) -> None:
    assert stacks(stage="TEST") == ["image-reindex-TEST", "image-reindex-sample-library-TEST"]
    assert built == [bundling.LAMBDA]


def test_a_stage_with_a_library_of_its_own(built: list[Target]) -> None:
    assert stacks(stages={"PROD": EXAMPLE}, stage="PROD", asset="local") == ["image-reindex-PROD"]
    assert built == [bundling.LOCAL]


@pytest.mark.usefixtures("built")
def test_no_stage_is_deployed_by_default() -> None:
    with pytest.raises(SettingsError, match="say which stage: -c stage=NAME"):
        stacks()


@pytest.mark.usefixtures("built")
def test_an_unknown_target() -> None:
    with pytest.raises(SettingsError, match="unknown asset 'x86': one of lambda, local"):
        stacks(stage="TEST", asset="x86")


def test_a_mistake_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cdk.app"],
        cwd=ROOT,
        env={
            **os.environ,
            "CDK_CONTEXT_JSON": json.dumps({**CDK_JSON["context"], "stage": "PROD"}),
            "CDK_OUTDIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "image-reindex: unknown stage 'PROD': cdk.json knows TEST"
    )
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
