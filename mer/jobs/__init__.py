"""Work in many processes, here or on a Ray cluster."""
