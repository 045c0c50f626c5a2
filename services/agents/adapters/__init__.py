"""Everything outside agents' own database."""
