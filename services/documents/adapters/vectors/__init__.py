"""Vector stores: pgvector in the service's own PostgreSQL, or Qdrant."""
