"""Compiled functions: arrays and scalars in, integers out. This room knows numpy and numba only.

`kernel` is the decorator of functions that Python calls; those that only kernels call are `inline_kernel` or `inner_kernel`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba import types

from seneca_sim.kernels.cache import keep
from seneca_sim.kernels.compiler import InnerCompiler

__all__ = ["inline_kernel", "inner_kernel", "kernel"]

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a function on its first call; it releases the interpreter lock and follows numpy's division rules."""
    return _compiled(function)


def inline_kernel(function: Function) -> Function:
    """Compile a function like `kernel` and let the compiler merge it into every caller: for small steps of a hot loop."""
    return _compiled(function, forceinline=True)


def _compiled(function: Function, **options: Any) -> Function:
    compiled = numba.njit(nogil=True, error_model="numpy", **options)(function)
    if not numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        keep(compiled, function)
    return cast("Function", compiled)


def inner_kernel(function: Function) -> Function:
    """Compile a function like `kernel`, but for calls from kernels only: Python cannot call it, and it compiles faster.

    It becomes part of the kernels that reach it, is optimised with them and kept with them. Constants in calls are integers
    like others: each would otherwise give code of its own.
    """
    options: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "pipeline_class": InnerCompiler}
    compiled: Any = numba.njit(nogil=True, error_model="numpy", **options)(function)
    if not numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        template = compiled.get_call_template
        compiled.get_call_template = lambda given, names: template([types.unliteral(one) for one in given], names)
    return cast("Function", compiled)
