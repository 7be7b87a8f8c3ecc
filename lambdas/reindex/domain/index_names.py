"""Names of indices and aliases: a plain name, or a URL for one on another cluster.

``images-000002`` is an index of the stage's own cluster,
``https://new.example:9200/images-000002`` one of the cluster at that URL.
"""

from __future__ import annotations


def on_cluster(url: str | None, name: str) -> str:
    """Return the name of an index of a cluster.

    Args:
        url: Of the cluster; None for the stage's own.
        name: Plain.
    """
    return name if url is None else f"{url}/{name}"


def cluster_and_name(name: str) -> tuple[str | None, str]:
    """Return the URL of an index's cluster, None for the stage's own, and its plain name."""
    if "://" not in name:
        # No index has a name with a colon or a slash in it.
        return None, name
    url, _, plain = name.rpartition("/")
    return url, plain
