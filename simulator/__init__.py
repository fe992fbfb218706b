"""A world of cars, boxes and vendor faults behind an Enode-compatible API. Shares only `Clock` with the product."""
