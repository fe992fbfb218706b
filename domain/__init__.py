"""What the product decides, as values and pure functions. Imports the standard library and pydantic only."""
