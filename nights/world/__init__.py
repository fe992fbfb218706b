"""A lean world for many nights: the simulator's truth, and what vendors say of it. No policy of the product."""
