"""What agents do, a verb a file."""
