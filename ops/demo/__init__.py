"""The demo of the first start: a company, its agent, its handbook, and one question."""
