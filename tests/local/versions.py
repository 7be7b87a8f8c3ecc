"""Every third-party server and downloader the tests start, and its version, in one place."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

# From PyPI, each in an environment of its own: their dependencies never meet ours.
MINISTACK: Final = "ministack==1.5.33"
NOIDA: Final = "noida-db==0.2.3"
MICROBURST: Final = "microburst==0.10.0"


@dataclass(frozen=True, slots=True)
class Release:
    """A release of a search server that Maven serves.

    Attributes:
        engine: `elasticsearch` or `opensearch`.
        version: Its exact version.
        java: The oldest Java that it runs on.
    """

    engine: str
    version: str
    java: int


class SearchServer(Enum):
    """The search servers that everything is tested on."""

    ELASTICSEARCH_8 = Release("elasticsearch", "8.19.21", java=17)
    # 9.3.0 is not published.
    ELASTICSEARCH_9 = Release("elasticsearch", "9.2.0", java=21)
    OPENSEARCH_2 = Release("opensearch", "2.19.6", java=17)
    OPENSEARCH_3 = Release("opensearch", "3.9.0", java=21)


# The one that is taken where only the engine is named: it runs on the oldest Java.
BY_ENGINE: Final = {
    "elasticsearch": SearchServer.ELASTICSEARCH_8,
    "opensearch": SearchServer.OPENSEARCH_2,
}

# What OpenSearch logs with; its own jars bring the interface alone.
LOG4J: Final = {"2.19.6": "2.25.4", "3.9.0": "2.25.5"}

# From Maven.
# 3.3.1 asks for SDK modules that Maven Central does not hold.
DYNAMODB_LOCAL: Final = "3.1.0"
MAVEN_DEPENDENCY_PLUGIN: Final = "3.8.1"

# From the Go module proxy.
FAKE_GCS_SERVER: Final = "github.com/fsouza/fake-gcs-server@v1.56.1"

# The oldest Go that builds it.
GO: Final = (1, 26)

# The oldest Java that DynamoDB Local runs on.
JAVA: Final = 17
