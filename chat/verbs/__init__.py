"""What readers do: ask, continue, stop, leave, rate, and keep conversations in order."""
