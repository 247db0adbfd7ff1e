"""The pocket model: grammar -> corpus -> tokenizer -> training -> evaluation, all our own text."""
