"""How model servers are: asked every few seconds, and tried out before they are connected."""
