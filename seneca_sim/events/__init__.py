"""Event streams: readers, slicing into time steps, and a model of the sensor that makes them."""
