"""Parts of layers on cores: types, validation, row provision, automatic mapping, placement, files."""

from seneca_sim.mapping.automatic import automatic_mapping, fewest_cores_bound
from seneca_sim.mapping.file import load_mapping, mapping_text, network_of_mapping, save_mapping
from seneca_sim.mapping.goals import GOALS
from seneca_sim.mapping.memory import MEMORY_KINDS, core_memory
from seneca_sim.mapping.provision import minimum_rows, provision_rows
from seneca_sim.mapping.relief import MappingReport, mapping_report
from seneca_sim.mapping.types import Mapping, Part
from seneca_sim.mapping.validate import mapping_findings, validate_mapping

__all__ = [
    "GOALS",
    "MEMORY_KINDS",
    "Mapping",
    "MappingReport",
    "Part",
    "automatic_mapping",
    "core_memory",
    "fewest_cores_bound",
    "load_mapping",
    "mapping_findings",
    "mapping_report",
    "mapping_text",
    "minimum_rows",
    "network_of_mapping",
    "provision_rows",
    "save_mapping",
    "validate_mapping",
]
