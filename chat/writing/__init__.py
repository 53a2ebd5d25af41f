"""One answer from its question to its end: who writes it, what it says as it goes, what it costs, how it settles."""
