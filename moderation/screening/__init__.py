"""Looking at a text: what is in it, and what the rules of a policy say to that."""
