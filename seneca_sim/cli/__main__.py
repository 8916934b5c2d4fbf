"""``python -m seneca_sim.cli``."""

from seneca_sim.cli import main

main()
