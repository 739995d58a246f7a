"""Micro-expressions drawn into real recordings."""
