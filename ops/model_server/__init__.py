"""A small server for the models that a fresh start needs: embeddings, reranking, later chat.

It speaks the same HTTP as any provider, and runs as a process of its own, so that nothing else
knows it is local.
"""
