"""Why this choice, why none, and what would work instead."""
