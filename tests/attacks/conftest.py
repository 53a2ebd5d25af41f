"""What attacks need: one of everything, and somebody for each right (tests/architecture)."""

from tests.architecture.test_access import world

__all__ = ["world"]
