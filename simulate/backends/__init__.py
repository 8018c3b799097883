"""What answers the questions: a backend turns prompts into answers."""
