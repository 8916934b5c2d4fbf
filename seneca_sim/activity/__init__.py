"""What each layer sends in each time step: run a network once, or draw a synthetic trace."""
