"""Compiled functions: arrays and scalars in, integers out. This room knows numpy and numba only.

`kernel` is the one decorator. Compiled code is cached on disk under a key of all kernel sources and the numba version,
because numba's own cache looks only at the file that holds a function and would return old code when a callee in another
file changes. ``SENECA_NUMBA_CACHE=0`` turns the cache off.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

__all__ = ["inline_kernel", "inner_kernel", "kernel"]

Function = TypeVar("Function", bound=Callable[..., Any])


def _cache_folder() -> Path:
    """Return the cache folder of exactly these kernel sources and this numba."""
    digest = hashlib.blake2b(numba.__version__.encode(), digest_size=12)
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "seneca_sim" / digest.hexdigest()


_CACHED = os.environ.get("SENECA_NUMBA_CACHE", "1") != "0"
if _CACHED:
    setattr(numba.config, "CACHE_DIR", str(_cache_folder()))  # noqa: B010  numba fills this module at run time


def kernel(function: Function) -> Function:
    """Compile a function on its first call; it releases the interpreter lock and follows numpy's division rules."""
    return cast("Function", numba.njit(cache=_CACHED, nogil=True, error_model="numpy")(function))


def inline_kernel(function: Function) -> Function:
    """Compile a function like `kernel` and let the compiler merge it into every caller: for small steps of a hot loop."""
    return cast("Function", numba.njit(cache=_CACHED, nogil=True, error_model="numpy", forceinline=True)(function))


def inner_kernel(function: Function) -> Function:
    """Compile a function like `kernel`, but for calls from kernels only: Python cannot call it, and it compiles faster."""
    without_wrappers: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    compiled = numba.njit(cache=_CACHED, nogil=True, error_model="numpy", **without_wrappers)(function)
    return cast("Function", compiled)
