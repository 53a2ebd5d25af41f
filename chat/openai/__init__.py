"""The OpenAI-compatible face of Parley."""
