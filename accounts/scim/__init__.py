"""SCIM 2.0, by which a directory keeps people and groups."""
