"""What programs come with: API keys, and OAuth for registered ones."""
