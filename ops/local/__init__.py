"""The parts of the platform that come as wheels, and the processes of the local stack."""
