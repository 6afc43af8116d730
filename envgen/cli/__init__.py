"""The command line: options in, one call, one print, and errors mapped to exit codes. May import every package."""
