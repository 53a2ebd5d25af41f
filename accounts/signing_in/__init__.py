"""Coming in and going out: passwords, second steps, passkeys, providers, and where one is signed in."""
