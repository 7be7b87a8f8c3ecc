"""The run record and the upload ledger: one small DynamoDB table.

Its items, by ``id``:

- ``current``: the latest run's record. Its attributes have the names of the fields of
  :class:`reindex.domain.run_records.RunRecord`: the state machine writes some of them itself.
- ``ledger#<upload>``: ``count`` and ``id_sum`` of the ids that one upload added, and ``done``;
  ``forgotten_count`` and ``forgotten_sum`` of those that were removed from the table since.
- ``ledger#``: the sum of the folded uploads, and ``folds``, which every fold increments.
- ``failures#<run>``: ``total`` of a run's first failures, and for each fingerprint ``count#…`` and
  ``kind#…``: code, message and some image ids.
- ``forgotten#<operation>``: ``at``, ``by`` and ``what`` of an operation that removed images from
  the table, and their ``count`` and ``id_sum``.

Sums that DynamoDB adds to are stored without the modulus, which it cannot compute.
"""
