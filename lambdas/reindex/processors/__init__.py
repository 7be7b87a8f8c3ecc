"""Processors: functions and rules that change a file's metadata before user edits are applied."""
