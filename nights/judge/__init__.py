"""The judge of the promises. It sees the world's truth and what was told, and knows nothing of how we decide."""
