"""The history of the agents schema."""
