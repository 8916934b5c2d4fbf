"""How inner kernels compile: into code that waits for the kernel that calls it, and is optimised once, with everything.

Numba optimises every function with all that it calls, and makes machine code of it, at each level of a tree of calls again.
For a deep tree of small functions that no one else calls this is most of the time of compilation, and of no use.
"""

from __future__ import annotations

from typing import Any

from numba import _dynfunc  # type: ignore[attr-defined]
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.typed_passes import NativeLowering

__all__ = ["InnerCompiler"]


class _Ingredient(JITCodeLibrary):
    """Code of an inner kernel and of those that it calls, as the front end made it."""

    def _optimize_final_module(self) -> None:
        """Leave optimisation to the library that links this one."""

    def _finalize_final_module(self) -> None:
        """Make no machine code."""
        self._finalize_dynamic_globals()
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _InnerLowering(NativeLowering):
    """Lowering into an ingredient."""

    _name = "inner_lowering"

    def run_pass(self, state: Any) -> bool:
        """Lower the function, and let others call it by a name that stands for no machine code."""
        library = state.library = _Ingredient(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        lowered, name = state["cr"], state.func_id.func_name
        stand_in = _dynfunc.make_function(state.func_id.module, name, name, 0, lowered.env, (library,))
        state.targetctx.insert_user_function(stand_in, lowered.fndesc, [library])
        state["cr"] = lowered._replace(cfunc=stand_in)
        return True


class InnerCompiler(CompilerBase):
    """Numba's compiler with another lowering."""

    def define_pipelines(self) -> list[PassManager]:
        """Return numba's passes, the lowering replaced."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.passes = [(_InnerLowering if one is NativeLowering else one, why) for one, why in passes.passes]
        passes.finalize()
        return [passes]
