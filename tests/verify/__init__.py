"""A corpus of small locks, right and wrong, each with its verdict."""
