"""Problem in, plan out: OR-Tools stays inside."""

from planner.batch import plan_batch
from planner.night import plan
from planner.site import plan_site

__all__ = ["plan", "plan_batch", "plan_site"]
