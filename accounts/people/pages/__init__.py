"""The pages about people, groups, roles, and permissions to read conversations."""
