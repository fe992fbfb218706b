"""Manners towards an outside system: budgets, bans, breakers and concurrency as small machines on a passed-in clock.

Nothing here knows devices or the product's errors; an adapter puts its calls through a `Gate` and says how they ended.
Each process keeps its own state: with several workers, give each its share of a budget.
"""

from providers.traffic.bans import Bans
from providers.traffic.breaker import Breaker, BreakerRule, Health
from providers.traffic.budget import Budget, BudgetRule
from providers.traffic.concurrency import AdaptiveLimit, ConcurrencyRule, RetryShare
from providers.traffic.gate import Gate, GateRules, Held, Result, Ticket, Why
from providers.traffic.party import NOBODY, Parties, Party

__all__ = [
    "NOBODY",
    "AdaptiveLimit",
    "Bans",
    "Breaker",
    "BreakerRule",
    "Budget",
    "BudgetRule",
    "ConcurrencyRule",
    "Gate",
    "GateRules",
    "Health",
    "Held",
    "Parties",
    "Party",
    "Result",
    "RetryShare",
    "Ticket",
    "Why",
]
