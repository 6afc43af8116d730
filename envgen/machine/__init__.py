"""What this machine has, what is wrong with it, and which targets it can run."""
