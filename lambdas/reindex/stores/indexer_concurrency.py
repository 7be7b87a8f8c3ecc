"""The event source mapping between the low-priority queue and the indexer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reindex.stores.aws import unavailable

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class MappingConcurrency:
    """The maximum number of indexers that Lambda runs concurrently for the queue.

    Args:
        client: Of Lambda.
        mapping: UUID of the event source mapping.
    """

    def __init__(self, client: LambdaClient, mapping: str) -> None:
        self._client = client
        self._mapping = mapping

    def allow(self, concurrency: int) -> None:
        """Set the maximum number of concurrent indexers; it takes effect after some seconds.

        Raises:
            StoreUnavailable: Lambda does not answer, or is still applying the previous change.
        """
        with unavailable("Lambda: event source mapping"):
            self._client.update_event_source_mapping(
                UUID=self._mapping, ScalingConfig={"MaximumConcurrency": concurrency}
            )

    def is_enabled(self) -> bool:
        """Return True if the event source mapping is enabled.

        Raises:
            StoreUnavailable: Lambda does not answer.
        """
        with unavailable("Lambda: event source mapping"):
            found = self._client.get_event_source_mapping(UUID=self._mapping)
        return found["State"] not in {"Disabled", "Disabling"}
