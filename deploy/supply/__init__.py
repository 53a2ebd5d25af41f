"""What Parley is made of: an inventory, what its parts may be used for, and which of them have known holes."""
