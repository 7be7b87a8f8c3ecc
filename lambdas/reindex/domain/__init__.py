"""What things are: states, rows, records, failures and their forms. Pure."""
