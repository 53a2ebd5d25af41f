"""Git repositories as a source: one branch as it is now, without its history and without checking anything out."""
