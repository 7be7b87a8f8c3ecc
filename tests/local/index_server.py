"""A search server, as the tests see it."""

from dataclasses import dataclass

from elasticsearch import BadRequestError, Elasticsearch


@dataclass(frozen=True)
class IndexServer:
    """A server that speaks Elasticsearch's API.

    Attributes:
        name: Which one it is: `noida`, `elasticsearch` or `given`.
        url: Its base URL.
        has_analysis_common: Whether it knows the analysis pieces that our mapping's two analysers
            are made of (stemmer, asciifolding, path_hierarchy). A mapping meant for a server
            without them uses `standard` in their place.
    """

    name: str
    url: str
    has_analysis_common: bool

    @classmethod
    def at(cls, url: str, name: str) -> "IndexServer":
        """Asks the server at `url` what it has.

        Raises:
            elasticsearch.TransportError: It does not answer.
        """
        with Elasticsearch(url) as client:
            try:
                client.indices.analyze(tokenizer="path_hierarchy", text="a/b")
            except BadRequestError:
                return cls(name, url, has_analysis_common=False)
        return cls(name, url, has_analysis_common=True)
