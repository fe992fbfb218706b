"""Problem in, plan out: OR-Tools stays inside."""

from planner.night import plan

__all__ = ["plan"]
