"""Is it what it is meant to be? Locks, lists and installed environments of any tool, held against a registry of rules."""
