"""What the frameworks inside an environment see, and what follows from it."""
