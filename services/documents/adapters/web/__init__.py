"""The web as crawls see it."""
