import os
import zipfile
from pathlib import Path

import pytest

# jsii speaks up on stderr at every start about the age of this node.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")

from cdk.bundling import Asset
from tests.stack import templates
from tests.stack.templates import Stage


@pytest.fixture(scope="session")
def asset(tmp_path_factory: pytest.TempPathFactory) -> Asset:
    """A placeholder for the real asset, which takes a while to build."""
    path = Path(tmp_path_factory.mktemp("asset"), "asset.zip")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("nothing", "")
    return Asset(path, "0" * 64)


@pytest.fixture(scope="session")
def stage(asset: Asset) -> Stage:
    """The TEST stage of cdk.json, with the sample library."""
    return templates.synthesize(templates.sample_stage(), asset)


@pytest.fixture(scope="session")
def prod(asset: Asset) -> Stage:
    """A stage with every setting."""
    return templates.synthesize(templates.example_stage(), asset)


@pytest.fixture(scope="session")
def with_ingest(asset: Asset) -> Stage:
    """A stage with every setting, and a live lane."""
    return templates.synthesize(templates.ingest_stage(), asset)
