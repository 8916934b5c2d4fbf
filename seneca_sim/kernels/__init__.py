"""Compiled functions: arrays and scalars in, integers out. This room knows numpy and numba only.

`kernel` is the decorator of functions that Python calls; those that only kernels call are `inline_kernel`,
`inner_kernel` or `merged_kernel`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba import types

from seneca_sim.kernels.cache import keep
from seneca_sim.kernels.compiler import InnerCompiler

__all__ = ["inline_kernel", "inner_kernel", "kernel", "merged_kernel"]

Function = TypeVar("Function", bound=Callable[..., Any])
_RULES: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
_INNER: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "pipeline_class": InnerCompiler}


def kernel(function: Function) -> Function:
    """Compile a function on its first call; it releases the interpreter lock and follows numpy's division rules."""
    return _kept(function, numba.njit(**_RULES)(function))


def inline_kernel(function: Function) -> Function:
    """Compile a function like `kernel` and let the compiler merge it into every caller: for small steps of a hot loop."""
    return _kept(function, numba.njit(**_RULES, forceinline=True)(function))


def inner_kernel(function: Function) -> Function:
    """Compile a function like `kernel`, but for calls from kernels only: Python cannot call it, and it compiles faster.

    It becomes part of the kernels that reach it, is optimised with them and kept with them.
    """
    return _without_literals(function, numba.njit(**_RULES, **_INNER)(function))


def merged_kernel(function: Function) -> Function:
    """Compile a function like `inner_kernel` and merge it into every caller: for what hot loops do all the time.

    A call costs some ten instructions, and what is known around it is forgotten.
    """
    return _without_literals(function, numba.njit(**_RULES, **_INNER, forceinline=True)(function))


def _kept(function: Function, compiled: Any) -> Function:
    """Return a compiled function that is kept between runs; with NUMBA_DISABLE_JIT it is the function itself."""
    if compiled is not function:
        keep(compiled, function)
    return _without_literals(function, compiled)


def _widened(given: Any) -> Any:
    """Return the type of an argument as kernels take it."""
    given = types.unliteral(given)
    return types.int64 if given == types.int32 else given


def _without_literals(function: Function, compiled: Any) -> Function:
    """Return a compiled function to which constants and narrow integers are numbers like others: each kind of argument would
    otherwise give code of its own.
    """
    if compiled is not function:
        template = compiled.get_call_template
        compiled.get_call_template = lambda given, names: template([_widened(one) for one in given], names)
    return cast("Function", compiled)
