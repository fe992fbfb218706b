"""The driver: from the first link to erasure, one life."""
