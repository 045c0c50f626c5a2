"""Erasing a tenant from every store, with a receipt, and again after a restore."""
