"""Thin shells around the machines of `domain/`: hear at once, decide in a recorded step, act as tasks."""
