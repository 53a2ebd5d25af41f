"""Asking one model server: connections, the stream of an answer, and every way in which it can fail."""
