"""Terminals whose character set lacks what we print: a tick, a dash, an answer's quotes."""

import io
import sys


def print_what_can_be_printed() -> None:
    """Let characters that the terminal does not know come out as `?` instead of as an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
