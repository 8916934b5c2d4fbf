"""Units and amounts at the edge of the report. Inside the simulator time is a number of cycles and energy a sum of counts."""

from __future__ import annotations

__all__ = ["counted", "microseconds", "picojoules_per_cycle", "rounded", "with_prefix"]

_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"))


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, whose plural ends in s.

    >>> counted(1, "core"), counted(2, "core"), counted(0, "difference")
    ('1 core', '2 cores', '0 differences')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def microseconds(cycles: float, clock_mhz: float) -> float:
    """Return the time of a number of cycles in microseconds.

    >>> microseconds(1000, 500.0)
    2.0
    """
    return cycles / clock_mhz


def picojoules_per_cycle(power_uw: float, clock_mhz: float) -> float:
    """Return the energy in pJ that a power in microwatts adds in one cycle.

    >>> picojoules_per_cycle(30.0, 500.0)
    0.06
    """
    return power_uw / clock_mhz


def rounded(value: float) -> float:
    """Round to twelve significant digits: what files hold, so that no file depends on the last bit of a sum.

    >>> rounded(0.1 + 0.2)
    0.3
    """
    return float(f"{value:.12g}")


def with_prefix(value: float, unit: str) -> str:
    """Return a quantity with three or four significant digits and a decimal prefix.

    >>> with_prefix(0.0000123, "J"), with_prefix(2_097_152, "bit"), with_prefix(0, "s")
    ('12.3 µJ', '2.10 Mbit', '0 s')
    """
    if value == 0:
        return f"0 {unit}"
    for scale, prefix in _PREFIXES:
        if abs(value) >= 0.9995 * scale:
            return f"{_three_digits(value / scale)} {prefix}{unit}"
    return f"{value:.3g} {unit}"


def _three_digits(value: float) -> str:
    """Return a number between 1 and 1000 with three significant digits."""
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return f"{value:.{digits}f}"
