"""People's words at rest: each under a key of its person, found again by blinded words, and sealed anew."""
