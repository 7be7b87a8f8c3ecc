"""The real search servers, of the releases that everything is tested on."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final

from tests.local.elasticsearch import elasticsearch
from tests.local.index_server import IndexServer
from tests.local.opensearch import opensearch
from tests.local.search_node import Node, nodes
from tests.local.versions import SearchServer

_ENGINES: Final = {"elasticsearch": elasticsearch, "opensearch": opensearch}


@contextmanager
def real_server(server: SearchServer, heap: str = "1g") -> Iterator[IndexServer]:
    """Runs an empty node of its own for the time of a `with` block.

    It takes 10 to 25 s to start, and 400 MB of memory beside its heap. The servers refuse to run
    as root; started by root, they run as ``nobody``.

    Args:
        server: Which server, and its release.
        heap: Memory of its heap.

    Raises:
        LocalServerError: A JDK or Maven is missing, or the server could not be fetched or started.
    """
    with real_nodes(server, [{}], heap) as [node]:
        yield IndexServer.at(node.url, server.value.engine)


def a_leader_and_a_data_node(server: SearchServer) -> Sequence[Mapping[str, str]]:
    """Return the settings of a cluster of two nodes, of which only the first may lead.

    The first needs no other node's vote, so the cluster survives when the second is killed.
    """
    voters = {
        "elasticsearch": "cluster.initial_master_nodes",
        "opensearch": "cluster.initial_cluster_manager_nodes",
    }
    return [{voters[server.value.engine]: '["node-0"]'}, {"node.roles": "[data]"}]


@contextmanager
def real_nodes(
    server: SearchServer, settings: Sequence[Mapping[str, str]], heap: str = "1g"
) -> Iterator[Sequence[Node]]:
    """Runs the nodes of one cluster, each of which can be killed and started again.

    Args:
        server: Which server, and its release.
        settings: For each node, the lines that only its configuration has.
        heap: Memory of each node's heap.

    Raises:
        LocalServerError: As for :func:`real_server`.
    """
    make = partial(_ENGINES[server.value.engine], server.value, heap)
    with nodes(make, settings) as started:
        yield started
