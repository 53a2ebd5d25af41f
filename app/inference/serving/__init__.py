"""Running vLLM as a worker of the pool."""
