"""Event streams: readers, slicing into time steps."""
