"""What goes into an answer: instructions, history, passages and their numbers, quotes, earlier answers."""
