"""All systems of the paper's Table 1: one file each, and `registry` that names them. Only the networks need torch."""
