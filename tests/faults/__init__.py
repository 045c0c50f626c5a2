"""Processes are killed while people work; afterwards nothing accepted may be lost or doubled.

`make faults N=24 SEED=1`. Each seed is a company with an agent, documents and questions, and one or
two `kill -9`. A failure prints its seed; `make faults N=1 SEED=…` plays it alone.
"""
