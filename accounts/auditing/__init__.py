"""The audit log: written, sealed, verified, proved, read, kept elsewhere."""
