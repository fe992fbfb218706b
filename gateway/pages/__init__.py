"""The two pages: one for a driver's phone, one for operators. Rendered here, kept fresh without a reload."""
