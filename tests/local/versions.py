"""Every third-party server and downloader the tests start, and its version, in one place."""

from typing import Final

# From PyPI, each in an environment of its own: their dependencies never meet ours.
MINISTACK: Final = "ministack==1.5.33"
NOIDA: Final = "noida-db==0.2.3"
MICROBURST: Final = "microburst==0.10.0"

# From Maven.
ELASTICSEARCH: Final = "8.19.21"
# 3.3.1 asks for SDK modules that Maven Central does not hold.
DYNAMODB_LOCAL: Final = "3.1.0"
MAVEN_DEPENDENCY_PLUGIN: Final = "3.8.1"

# From the Go module proxy.
FAKE_GCS_SERVER: Final = "github.com/fsouza/fake-gcs-server@v1.56.1"

# The oldest Go that builds it.
GO: Final = (1, 26)

# The oldest Java that the servers from Maven run on.
JAVA: Final = 17
