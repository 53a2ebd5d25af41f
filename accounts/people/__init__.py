"""People and groups as administrators look after them: invited, moved, suspended, handed over, explained."""
