"""HTTP shapes of agents: what the API's clients send and read."""
