"""The servers and twins that the stores' contract tests run on."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from reindex.stores.aws import client_config
from reindex.stores.interfaces.progress_table import ProgressTable
from reindex.stores.interfaces.runs import Runs
from reindex.stores.interfaces.work_list import WorkList
from reindex.stores.progress_table import DynamoProgressTable
from reindex.stores.runs.store import DynamoRuns
from reindex.stores.work_list import DynamoWorkList
from tests.local.dynamodb import dynamodb_local
from tests.local.index_server import IndexServer
from tests.local.ministack import ministack
from tests.local.noida import index_server
from tests.local.processes import LocalServerError
from tests.local.search_servers import real_server
from tests.local.versions import SearchServer
from tests.twins.progress_table import MemoryProgressTable
from tests.twins.run_files import MemoryRunFiles
from tests.twins.runs import MemoryRuns
from tests.twins.work_list import MemoryWorkList

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOIDA = "noida"

#: Parameters for the fixtures of search servers: each release of a real one.
REAL = [
    pytest.param(server, id=server.name.lower(), marks=pytest.mark.real_search_server)
    for server in SearchServer
]


#: Of each server: all four may be running, in each of the processes that run tests.
_HEAP = "512m"


@dataclass
class SearchServers:
    """Starts each search server when a test first asks for it."""

    running: ExitStack
    started: dict[str, IndexServer] = field(default_factory=dict)

    def get(self, server: SearchServer | str) -> IndexServer:
        name = server.name if isinstance(server, SearchServer) else server
        if name not in self.started:
            context = (
                real_server(server, _HEAP) if isinstance(server, SearchServer) else index_server()
            )
            try:
                self.started[name] = self.running.enter_context(context)
            except LocalServerError as error:
                # Wanted everywhere, but demanded only where all that it needs is installed.
                if os.environ.get("CI"):
                    raise
                pytest.skip(f"no {name} here: {error}")
        return self.started[name]


_numbers = itertools.count()


def new_alias() -> str:
    """The name of an alias that no other test has."""
    return f"images-{os.getpid()}-{next(_numbers)}"


@pytest.fixture(scope="session")
def search_servers() -> Iterator[SearchServers]:
    with ExitStack() as running:
        yield SearchServers(running)


def dynamodb_client(url: str | None) -> DynamoDBClient:
    return boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="contract",
        aws_secret_access_key="contract",
        config=client_config(),
    )


@pytest.fixture(scope="session")
def on_ministack() -> Iterator[DynamoDBClient]:
    with ministack() as server, closing(dynamodb_client(server.url)) as client:
        yield client


@pytest.fixture(scope="session")
def on_dynamodb_local() -> Iterator[DynamoDBClient]:
    try:
        with dynamodb_local() as url, closing(dynamodb_client(url)) as client:
            yield client
    except LocalServerError as error:
        # Wanted everywhere, but demanded only where all that it needs is installed for sure.
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture
def on_moto() -> Iterator[DynamoDBClient]:
    with mock_aws(), closing(dynamodb_client(None)) as client:
        yield client


def create_progress_table(client: DynamoDBClient) -> str:
    name = f"progress-{uuid.uuid4().hex}"
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    return name


def create_work_table(client: DynamoDBClient) -> str:
    name = f"work-{uuid.uuid4().hex}"
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "phase", "KeyType": "HASH"},
            {"AttributeName": "chunk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "phase", "AttributeType": "S"},
            {"AttributeName": "chunk", "AttributeType": "S"},
        ],
    )
    return name


def create_runs_table(client: DynamoDBClient) -> str:
    name = f"runs-{uuid.uuid4().hex}"
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    return name


# moto cannot read our PartiQL: it takes no parameter inside the value of an INSERT.
@pytest.fixture(params=["memory", "on_dynamodb_local", "on_ministack"])
def progress(request: pytest.FixtureRequest) -> Iterator[ProgressTable]:
    """An empty progress table, of each kind."""
    if request.param == "memory":
        yield MemoryProgressTable()
        return
    client: DynamoDBClient = request.getfixturevalue(request.param)
    name = create_progress_table(client)
    yield DynamoProgressTable(client, name)
    client.delete_table(TableName=name)


@contextmanager
def empty_runs(request: pytest.FixtureRequest) -> Iterator[Runs]:
    if request.param == "memory":
        yield MemoryRuns()
        return
    client: DynamoDBClient = request.getfixturevalue(request.param)
    name = create_runs_table(client)
    yield DynamoRuns(client, name)
    client.delete_table(TableName=name)


@pytest.fixture(params=["memory", "on_moto", "on_dynamodb_local", "on_ministack"])
def runs(request: pytest.FixtureRequest) -> Iterator[Runs]:
    """An empty runs table, of each kind."""
    with empty_runs(request) as table:
        yield table


# moto judges a condition and writes in two steps, between which another thread may write.
@pytest.fixture(params=["memory", "on_dynamodb_local", "on_ministack"])
def contended_runs(request: pytest.FixtureRequest) -> Iterator[Runs]:
    """An empty runs table, of each kind that threads may share."""
    with empty_runs(request) as table:
        yield table


@contextmanager
def empty_work_list(request: pytest.FixtureRequest) -> Iterator[WorkList]:
    if request.param == "memory":
        yield MemoryWorkList()
        return
    client: DynamoDBClient = request.getfixturevalue(request.param)
    name = create_work_table(client)
    yield DynamoWorkList(client, name, MemoryRunFiles())
    client.delete_table(TableName=name)


@pytest.fixture(params=["memory", "on_moto", "on_dynamodb_local", "on_ministack"])
def work_list(request: pytest.FixtureRequest) -> Iterator[WorkList]:
    """An empty work list, of each kind."""
    with empty_work_list(request) as made:
        yield made


@pytest.fixture(params=["memory", "on_dynamodb_local", "on_ministack"])
def contended_work_list(request: pytest.FixtureRequest) -> Iterator[WorkList]:
    """An empty work list, of each kind that threads may share."""
    with empty_work_list(request) as made:
        yield made
