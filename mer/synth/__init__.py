"""Synthetic micro-expressions: real portraits, warped by facial action units. Never real recordings."""
