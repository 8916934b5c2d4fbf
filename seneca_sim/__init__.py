"""seneca_sim: the cycle-level, discrete-event simulator of SENECA."""

__version__ = "0.1.0"
