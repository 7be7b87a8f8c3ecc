"""The pure domain model: states, rows, records, failures and their stored forms."""
