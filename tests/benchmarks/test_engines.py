"""How fast the engines are. Prints rates and ratios; asserts nothing about time.

``pytest tests/benchmarks/test_engines.py`` (the stack of RED's size takes about a minute).
A core-event is one unit finishing one task, one RISC-V job, or one packet-hop.
"""

import resource
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter, process_time

import pytest

from seneca_sim.engine import estimate, fast, reference
from seneca_sim.engine.counts import INLET_COUNTERS, PART_COUNTERS
from tests.benchmarks.stacks import COMPUTE_BOUND, RED_SIZE, Stack, Stage, stack_of

SOPS, PACKETS = INLET_COUNTERS.index("sops"), INLET_COUNTERS.index("packets")
HOPS = PART_COUNTERS.index("link_flits")


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """Compile before anything is measured."""
    for noc in ("mesh", "ideal"):
        fast.run(*stack_of((Stage(8, 1, 2),), (2, 4, 4), 0.3, timing=replace(COMPUTE_BOUND, noc=noc)).arguments)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print past pytest's capture."""

    def out(line: str) -> None:
        with capsys.disabled():
            print(f"\n  {line}")

    return out


def rates(stack: Stack) -> str:
    """Run a stack and return its rates in one line."""
    begin = process_time()
    events, counts = fast.core_events(*stack.arguments)
    seconds = process_time() - begin
    packets = int(counts.inlets[..., PACKETS].sum())
    sops = int(counts.inlets[..., SOPS].sum())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"{events / seconds / 1e6:.1f} M core-events/s, {packets / seconds / 1e6:.2f} M packet deliveries/s, "
        f"{sops / 1e9:.2f} GSOp in {seconds:.2f} s of CPU on {len(stack.mapping.parts)} cores, "
        f"{counts.makespan / 1e6:.1f} M cycles, peak memory {memory:.0f} MiB"
    )


@pytest.mark.parametrize("noc", ["mesh", "ideal"])
def test_core_events(noc: str, say: Callable[[str], None]) -> None:
    stack = stack_of(RED_SIZE, (64, 24, 40), 0.85, timing=replace(COMPUTE_BOUND, noc=noc))
    say(f"fast, compute-bound, noc {noc}: {rates(stack)}")


@pytest.mark.parametrize("noc", ["mesh", "ideal"])
def test_packet_deliveries(noc: str, say: Callable[[str], None]) -> None:
    """Layers of few channels: most packets carry a value or two, and each goes to many cores."""
    stages = (Stage(64, 1, 16), Stage(64, 1, 16), Stage(64, 1, 16))
    stack = stack_of(stages, (64, 48, 64), 0.2, kernel=1, timing=replace(COMPUTE_BOUND, noc=noc))
    say(f"fast, network-bound, noc {noc}: {rates(stack)}")


def test_ratio_to_reference_and_estimate(say: Callable[[str], None]) -> None:
    stack = stack_of((Stage(16, 1, 2), Stage(16, 2, 2), Stage(16, 1, 2)), (4, 16, 16), 0.3, steps=2)
    seconds = {}
    for name, engine, repeats in (("reference", reference, 1), ("fast", fast, 20), ("estimate", estimate, 20)):
        begin = perf_counter()
        for _ in range(repeats):
            engine.run(*stack.arguments)
        seconds[name] = (perf_counter() - begin) / repeats
    say(
        f"same case: reference {seconds['reference'] * 1e3:.0f} ms, fast {seconds['fast'] * 1e3:.1f} ms "
        f"({seconds['reference'] / seconds['fast']:.0f} times faster), estimate {seconds['estimate'] * 1e3:.1f} ms"
    )


def test_stack_of_the_size_of_red(say: Callable[[str], None]) -> None:
    stack = stack_of(RED_SIZE, (64, 84, 150), 0.85)
    say(f"fast, the size of RED, noc mesh: {rates(stack)}")
