"""A reader’s open line to a conversation: frames in, and events out as JSON or as fragments of the page."""
