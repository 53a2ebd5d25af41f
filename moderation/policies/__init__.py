"""Writing policies, and trying them before they hold."""
