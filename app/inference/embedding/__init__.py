"""Vectors of texts: by the model in this process, by a server, or by the servers of a model of the registry."""
