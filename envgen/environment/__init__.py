"""From a lock to an environment: where it lives, how it is made and changed, and how a command runs in it."""
