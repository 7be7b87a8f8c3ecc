"""One deployment for the end-to-end tests, and what its lambdas said when one of them fails."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack

import pytest

from reindex.image.mapping import index_settings
from reindex.stores.search.index import SearchIndex
from reindex.stores.search.schema import Schema
from tests.calls.record import Record, deployments
from tests.calls.recording import VARIABLE
from tests.contract.analysis import without_analysis_common
from tests.local.processes import LocalServerError
from tests.local.search_servers import real_server
from tests.local.stack import LocalStack, local_stack


@pytest.fixture(scope="session", autouse=True)
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Record the AWS calls of all deployments; each must be allowed, or be known of its verb."""
    folder = tmp_path_factory.mktemp("calls")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(folder))
        yield
    record, found = Record.read(), list(deployments(folder))
    refused = [line for deployment in found for line in deployment.refused()]
    unknown = [line for deployment in found for line in deployment.unknown(record)]
    assert refused == []
    assert unknown == [], "add a step to tests/calls/walk.py: python -m tests.calls"


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """A deployment with an empty library and a prepared index."""
    with local_stack() as running:
        prepared = running.reindex("prepare-index")
        assert prepared.returncode == 0, prepared.stderr
        yield running


@pytest.fixture(scope="module")
def stack_on(request: pytest.FixtureRequest) -> Iterator[LocalStack]:
    """The same on the real search server that is the parameter, with the analysers that it has.

    Of several servers, the stage declares the second as its other cluster.
    """
    server, *others = request.param if isinstance(request.param, tuple) else (request.param,)
    try:
        with ExitStack() as running_servers:
            index, *declared = [
                running_servers.enter_context(real_server(each)) for each in (server, *others)
            ]
            overrides = {"index": {"other_cluster": {"url": declared[0].url}}} if declared else {}
            running = running_servers.enter_context(local_stack(index, overrides=overrides))
            if index.has_analysis_common:
                prepared = running.reindex("prepare-index")
                assert prepared.returncode == 0, prepared.stderr
            else:
                schema = Schema(settings=without_analysis_common(index_settings()))
                SearchIndex(running.cluster, schema).prepare(running.alias)
            yield running
    except LocalServerError as error:
        # Wanted everywhere, but demanded only where all that it needs is installed for sure.
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no {server.name} here: {error}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show beside a failure what the lambdas logged."""
    report = yield
    if report.failed:
        for value in item.funcargs.values():
            if isinstance(value, LocalStack):
                report.sections.append(("logs of the lambdas", value.log_tails()))
    return report
