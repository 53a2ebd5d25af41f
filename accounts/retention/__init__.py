"""How long things are kept, and what the law holds."""
