"""The model pool, as administrators see and steer it."""
