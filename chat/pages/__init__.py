"""The chat in the browser: what pages show, and where their forms go."""
