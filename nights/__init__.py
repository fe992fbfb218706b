"""Nights played through the production machines: the demo, its pictures, and the rebuilding of a night's log."""
