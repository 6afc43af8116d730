"""What envgen costs: one module for each part of RESULTS.md. Imports envgen and, for its corpus and its fuzzing, tests/."""
