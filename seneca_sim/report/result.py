"""The result of a run: tables, summary, and the folder that holds them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seneca_sim.report.energy import Energy, price
from seneca_sim.report.files import csv_bytes, json_text, write_folder
from seneca_sim.report.record import Record
from seneca_sim.report.store import load_record, record_bytes
from seneca_sim.report.summary import summarise
from seneca_sim.units import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Result", "load_result"]


@dataclass(frozen=True, eq=False)
class Result:
    """What a network did on a chip. Tables are computed when they are first asked for."""

    record: Record

    @cached_property
    def energy(self) -> Energy:
        """Energy in pJ by layer, core, step and component."""
        return price(self.record)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The fields of ``summary.json``."""
        return summarise(self.record, self.energy)

    @cached_property
    def layers(self) -> pd.DataFrame:
        """One row for each layer."""
        from seneca_sim.report.tables import frame, layers_table

        return frame(layers_table(self.record, self.energy))

    @cached_property
    def cores(self) -> pd.DataFrame:
        """One row for each core with a part."""
        from seneca_sim.report.tables import cores_table, frame

        return frame(cores_table(self.record, self.energy))

    @cached_property
    def links(self) -> pd.DataFrame:
        """One row for each link of the mesh."""
        from seneca_sim.report.tables import frame, links_table

        return frame(links_table(self.record))

    @cached_property
    def steps(self) -> pd.DataFrame:
        """One row for each time step."""
        from seneca_sim.report.tables import frame, steps_table

        return frame(steps_table(self.record, self.energy))

    @cached_property
    def components(self) -> pd.DataFrame:
        """One row for each energy component."""
        from seneca_sim.report.tables import components_table, frame

        return frame(components_table(self.energy))

    def files(self) -> dict[str, bytes]:
        """Return the files of the result folder by name."""
        from seneca_sim.report.runfile import run_file_text

        return {
            "summary.json": json_text(self.summary).encode(),
            "layers.csv": csv_bytes(self.layers),
            "cores.csv": csv_bytes(self.cores),
            "links.csv": csv_bytes(self.links),
            "steps.csv": csv_bytes(self.steps),
            "counts.npz": record_bytes(self.record),
            "run.yaml": run_file_text(self.record.run).encode(),
        }

    def save(self, folder: Path | str) -> Path:
        """Write all files of the result into a folder, which is made if needed; return it."""
        folder = Path(folder)
        write_folder(folder, self.files())
        return folder

    def __repr__(self) -> str:
        summary = self.summary
        return (
            f"<Result {summary['network']} on {summary['chip']}: {summary['energy_uj']:.4g} µJ, "
            f"{summary['latency_us']:.4g} µs, {counted(summary['cores'], 'core')}>"
        )

    def _repr_html_(self) -> str:
        from seneca_sim.report.page import result_html

        return result_html(self)


def load_result(folder: Path | str) -> Result:
    """Read a result from its folder: from ``counts.npz`` alone, the other files follow from it."""
    return Result(load_record(folder))
