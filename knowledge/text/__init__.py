"""The one text of a version: its blocks, sentences and words, and cutting it into passages."""
