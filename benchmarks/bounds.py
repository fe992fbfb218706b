"""Long runs of every site of the sample: `python -m benchmarks.bounds [SECONDS]` writes site-bounds.json.

Each site gets SECONDS (default 20) of the constraint programme from the planner's own plan. The bound is the better
of that run's and the column generation's; it is what the site rows of the results are held against.
"""

import json
import sys
from datetime import timedelta
from pathlib import Path

from benchmarks import instances
from planner import plan_site, site
from planner.files import site_problem

PATH = Path(__file__).with_name("site-bounds.json")


def main(seconds: float = 20.0) -> None:
    bounds = {}
    site.FAR_FROM_BOUND, site.PROGRAMME_GAP, site.WHOLE_PART = 1e-5, 1e-5, 0.9
    for row in instances.read()["sites"]:
        found = plan_site(site_problem(row), time_limit=timedelta(seconds=seconds))
        bounds[row["id"]] = {"bound_eur": round(found.lower_bound, 6), "cost_eur": round(found.cost, 6)}
        print(row["id"], bounds[row["id"]], flush=True)
    PATH.write_text(json.dumps(bounds, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*(float(argument) for argument in sys.argv[1:2]))
