"""Problem in, plan out: OR-Tools stays inside."""

from planner.night import plan
from planner.site import plan_site

__all__ = ["plan", "plan_site"]
