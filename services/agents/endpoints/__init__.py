"""HTTP in: one use-case call each."""
