"""Timing: integer counts of a network on a chip, by cycle or in closed form."""
