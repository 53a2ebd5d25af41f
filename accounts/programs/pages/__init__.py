"""The pages of one's own keys and programs, and those of administrators."""
