"""What a reader can be told about an answer, and the way of each telling to everyone who reads."""
