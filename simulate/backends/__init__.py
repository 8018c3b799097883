"""What answers: a language model, or made-up users of known truth."""
