"""The daemon: life cycle, schedule, and what it serves."""
