"""Erasing a person: what each package holds of them, in batches that survive a kill."""
