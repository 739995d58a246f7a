"""Systems that the paper compares its networks with (Table 1)."""
