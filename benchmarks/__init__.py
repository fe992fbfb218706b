"""How good and how fast the planner is: instances, judges, protocol. See README.md here."""
