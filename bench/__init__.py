"""Measurements of the platform: what it costs (`make bench`), how well it answers (`make eval`)."""
