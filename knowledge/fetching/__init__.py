"""Asking hosts that a person named: every address is checked before it is connected to, and every answer is bounded."""
