"""Settings for servers that lack Elasticsearch's analysis-common module."""

from collections.abc import Mapping
from typing import Any


def without_analysis_common(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same index settings, their custom analysers being `standard` by another name.

    A mapping that names them needs no change. What they would find is not shown there: neither
    stems nor folded letters nor levels of a hierarchy.
    """
    analysers = settings["analysis"]["analyzer"]
    standard = {name: {"type": "standard"} for name in analysers}
    return {**settings, "analysis": {"analyzer": standard}}
