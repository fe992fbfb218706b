"""Market prices from files: read as people have them, normalised to half-open UTC intervals, every repair reported."""
