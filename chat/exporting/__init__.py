"""A person's own conversations as files: Markdown, JSON, PDF, and everything of theirs in one zip."""
