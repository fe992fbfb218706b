"""`make mutate`: plants one bug per category of failures, and lists the night by which the runner caught it.

Caught means: a promise broke that the machines keep on the same night without the bug. Exit code 1 if one was missed.
"""

import sys

from nights.mutants import MUTANTS, Mutant, planted
from nights.runner import Nights, Wanted

SEED = 1
MOST_NIGHTS = 60
"""Nights tried before a bug counts as missed."""


def caught_by(mutant: Mutant, *, seed: int = SEED, nights: int = MOST_NIGHTS) -> tuple[int, tuple[str, ...]] | None:
    """The first night whose promises break with the bug and hold without it, and which; None: missed."""
    stage = Nights(Wanted(count=nights, seed=seed, faults=(1, 1), only=mutant.only))
    for k in range(nights):
        with planted(mutant):
            broken = stage.judged(k).verdict.broken
        if broken and (news := tuple(name for name in broken if name not in stage.judged(k).verdict.broken)):
            return k, news
    return None


def main() -> int:
    missed = 0
    for mutant in MUTANTS:
        found = caught_by(mutant)
        missed += found is None
        where = "MISSED" if found is None else f"seed {SEED}, night {found[0]}: {', '.join(found[1])}"
        print(f"{mutant.category}  {mutant.bug:<40} {'/'.join(mutant.only):<8} {where}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
