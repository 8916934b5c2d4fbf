"""Hardware descriptions: validated chip files, micro-code programs, prices."""

from seneca_sim.chip.description import Chip
from seneca_sim.chip.yaml_file import chip_names, load_chip

__all__ = ["Chip", "chip_names", "load_chip"]
