"""What answers cost in money and energy."""
