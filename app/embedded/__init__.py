"""The embedded parts: real servers that come as wheels, so that Parley runs on a machine with nothing on it."""
