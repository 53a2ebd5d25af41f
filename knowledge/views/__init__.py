"""The pages of knowledge, by what they show."""
