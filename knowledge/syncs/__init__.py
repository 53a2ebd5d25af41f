"""Looking through sources: what is new, changed, moved or gone, and when it is time to look."""
