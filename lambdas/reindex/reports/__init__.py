"""The reports, estimates and costs of runs."""
