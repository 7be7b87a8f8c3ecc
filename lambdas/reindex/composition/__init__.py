"""Builds the steps from their ports, each on first use: which step gets which store.

Processes supply the ports: :mod:`reindex.wiring` the stores of a stage, tests their twins.
"""
