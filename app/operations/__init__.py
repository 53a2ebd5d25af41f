"""Running Parley: the model pool, what is used up, and the limits to it."""
