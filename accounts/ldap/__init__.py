"""Directories that speak LDAP: whether a password is right, and who has left."""
