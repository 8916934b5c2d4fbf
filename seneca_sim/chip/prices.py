"""Prices: what each thing that an engine counts costs in pJ, by component, and which constants it comes from.

Energy is counts (integers) times these prices, formed once, at the end. An instruction drives all lanes: its price is the
number of lanes times what one lane costs. The printed total of the instruction table holds for one lane of eight that share
the loop controller and the event generator; for n lanes the shared part is scaled, total + shared x (1/n - 1/8). The shared
parts are charged as printed, and what the printed total rounds away stays with the lane's own part, so that components add
up to the total and are positive for every n.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seneca_sim.chip.description import Chip
from seneca_sim.chip.instructions import PUBLISHED_LANES, Instructions
from seneca_sim.chip.programs import ALU_BITS, Program

__all__ = ["COMPONENTS", "Price", "PricePart", "PriceTable", "area_mm2", "price_table", "static_from_bits_uw"]

COMPONENTS = (
    "npe", "data_memory", "loop_controller", "event_generator", "riscv", "instruction_memory", "noc", "static",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PricePart:
    """What one component pays for one count."""

    component: str
    pj: float
    formula: str
    """How the price follows from constants of the chip, by their dotted names."""
    constants: tuple[str, ...]
    """Dotted names of those constants."""


@dataclass(frozen=True, slots=True)
class Price:
    """What one counted thing costs."""

    name: str
    counted: str
    """What is counted, in words."""
    parts: tuple[PricePart, ...]

    @property
    def pj(self) -> float:
        """All components together [pJ]."""
        return sum(part.pj for part in self.parts)


@dataclass(frozen=True, slots=True)
class PriceTable:
    """All prices of a chip, by name.

    ``instruction.ADD`` (one execution on all lanes), ``riscv.busy_cycle``, ``riscv.idle_cycle``, ``event.generated``,
    ``flit.injected``, ``flit.link``, ``flit.ejected``, ``core.cycle`` (one powered core, one cycle).
    """

    prices: Mapping[str, Price]

    def __getitem__(self, name: str) -> Price:
        """Return the price of one counted thing."""
        return self.prices[name]

    def energy_pj(self, counts: Mapping[str, int]) -> dict[str, float]:
        """Return the energy of some counts, by component [pJ].

        >>> from seneca_sim.chip import load_chip
        >>> price_table(load_chip("seneca")).energy_pj({"flit.injected": 3})["noc"]
        6.0
        """
        energy = dict.fromkeys(COMPONENTS, 0.0)
        for name, count in counts.items():
            for part in self.prices[name].parts:
                energy[part.component] += count * part.pj
        return energy

    def program_pj(self, program: Program) -> dict[str, float]:
        """Return the energy of one chunk of a program, by component [pJ]; RISC-V cycles are not in it."""
        return self.energy_pj({f"instruction.{name}": executions for name, executions in program.instructions})


def price_table(chip: Chip) -> PriceTable:
    """Return the prices of a chip.

    >>> from seneca_sim.chip import load_chip
    >>> table = price_table(load_chip("seneca"))
    >>> round(table["instruction.ADD"].pj / 8, 6), round(table["riscv.busy_cycle"].pj, 2), table["core.cycle"].pj
    (1.4, 10.43, 0.06)
    """
    prices = [_instruction(chip, name) for name in Instructions.model_fields]
    prices += [
        _riscv_busy(chip),
        _single(chip, "riscv.idle_cycle", "waiting RISC-V cycle", "riscv", "core.riscv.idle_pj"),
    ]
    for name, counted, component in (
        ("flit_injected", "flit entering the network", "noc"),
        ("flit_link", "flit crossing a link", "noc"),
        ("flit_ejected", "flit leaving the network", "noc"),
    ):
        prices.append(_single(chip, name.replace("_", ".", 1), counted, component, f"prices.{name}_pj"))
    prices.append(_generated_event(chip))
    static = chip.prices.static_uw_per_core.value / chip.clock_mhz.value
    part = PricePart("static", static, "static_uw_per_core / clock_mhz", ("prices.static_uw_per_core", "clock_mhz"))
    prices.append(Price("core.cycle", "powered core-cycle", (part,)))
    return PriceTable({price.name: price for price in prices})


def area_mm2(chip: Chip, cores: int) -> float:
    """Return the silicon area of some cores [mm2]: the published convention, cores x 0.47 (network and I/O not counted).

    >>> from seneca_sim.chip import load_chip
    >>> round(area_mm2(load_chip("seneca"), 9), 2)
    4.23
    """
    return cores * chip.area.core_mm2.value


def static_from_bits_uw(chip: Chip) -> float:
    """Return the static power of one core [uW] as its memories and register files alone would have it.

    A check of `prices.static_uw_per_core`, which is what runs are charged.
    """
    core, prices = chip.core, chip.prices
    memory_bits = core.data_memory_bits.value + core.instruction_memory_bits.value
    register_bits = core.npe.count.value * core.npe.register_bits.value
    picowatts = (
        memory_bits * prices.static_pw_per_memory_bit.value + register_bits * prices.static_pw_per_register_bit.value
    )
    return picowatts / 1e6


def _single(chip: Chip, name: str, counted: str, component: str, constant: str) -> Price:
    value = chip.flat()[constant].value
    return Price(name, counted, (PricePart(component, value, constant.rpartition(".")[2], (constant,)),))


def _generated_event(chip: Chip) -> Price:
    """One event made by the event generator; where there is none, RISC-V makes it and is paid by the cycle."""
    if chip.core.event_generator.enabled.value:
        return _single(chip, "event.generated", "generated event", "event_generator", "prices.event_generated_pj")
    part = PricePart("event_generator", 0.0, "no event generator", ("core.event_generator.enabled",))
    return Price("event.generated", "generated event", (part,))


def _riscv_busy(chip: Chip) -> Price:
    """One cycle is 1 / cpi instructions, each with `access_rate` data accesses."""
    riscv, prices = chip.core.riscv, chip.prices
    cpi = riscv.cpi.value
    parts = (
        PricePart(
            "riscv",
            prices.riscv_instruction_pj.value / cpi,
            "riscv_instruction_pj / cpi",
            ("prices.riscv_instruction_pj", "core.riscv.cpi"),
        ),
        PricePart(
            "instruction_memory",
            prices.instruction_memory_pj.value / cpi,
            "instruction_memory_pj / cpi",
            ("prices.instruction_memory_pj", "core.riscv.cpi"),
        ),
        PricePart(
            "data_memory",
            riscv.access_rate.value * prices.riscv_access_pj.value / cpi,
            "access_rate x riscv_access_pj / cpi",
            ("core.riscv.access_rate", "prices.riscv_access_pj", "core.riscv.cpi"),
        ),
    )
    return Price("riscv.busy_cycle", "busy RISC-V cycle", parts)


def _instruction(chip: Chip, name: str) -> Price:
    """One execution on all lanes. Without a loop controller its share is absent; wider ports move more bits an access."""
    row, lanes = chip.instructions.named(name), chip.core.npe.count.value
    key, lane_key = f"instructions.{name}", "core.npe.count"
    shared = (row.loop_pj.value + row.event_pj.value) / PUBLISHED_LANES
    own = row.total_pj.value - row.memory_pj.value - shared
    words = chip.core.npe.word_bits.value / ALU_BITS
    parts = [
        PricePart(
            "npe",
            lanes * own,
            f"lanes x (total_pj - memory_pj - (loop_pj + event_pj) / {PUBLISHED_LANES})",
            (f"{key}.total_pj", f"{key}.memory_pj", f"{key}.loop_pj", f"{key}.event_pj", lane_key),
        )
    ]
    if row.memory_pj.value:
        constants = (f"{key}.memory_pj", lane_key, "core.npe.word_bits")
        parts.append(
            PricePart(
                "data_memory",
                lanes * row.memory_pj.value * words,
                f"lanes x memory_pj x word_bits / {ALU_BITS}",
                constants,
            )
        )
    if chip.core.loop_controller.enabled.value:
        parts.append(PricePart("loop_controller", row.loop_pj.value, "loop_pj", (f"{key}.loop_pj",)))
    if row.event_pj.value:
        parts.append(PricePart("event_generator", row.event_pj.value, "event_pj", (f"{key}.event_pj",)))
    return Price(f"instruction.{name}", f"{name} executed on all lanes", tuple(parts))
