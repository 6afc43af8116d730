"""The command line, one module for a group of verbs: options, one call, one print."""
