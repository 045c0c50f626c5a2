"""What can go wrong for the person at the keyboard."""


class OpsError(Exception):
    """A sentence that says what is wrong and what to do; printed without a traceback."""
