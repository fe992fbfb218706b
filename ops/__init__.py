"""What a person runs on a machine: everything at once (`up`), and commands that look, check and mend."""
