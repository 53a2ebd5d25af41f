"""Models that help on the side, within a deadline and never with an error."""
