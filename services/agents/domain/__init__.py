"""Rules about agents and the models they call: no I/O."""
