"""How much somebody, a group or a key may use up, how it is counted, and what was used."""
