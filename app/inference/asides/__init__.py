"""Models that help a search on the side, within a deadline and never with an error."""
