"""The vectors that find passages: which generation serves, and building another beside it."""
