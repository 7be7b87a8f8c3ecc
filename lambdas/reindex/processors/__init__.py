"""What a library's rules make of a file's metadata, before people's edits are applied."""
