"""The interfaces of the stores: what steps, reports and repairs may call.

Each interface has a real store and, in the tests, an in-memory twin; one contract test runs on
both. Every method raises :class:`reindex.domain.failures.StoreUnavailable` when the service did
not answer after all retries. A method never returns part of a result.
"""
