"""PyTorch modules as networks: `export` traces a module, writes it as a native file and compares both sides, layer by layer.

Needs the extra ``torch``: ``pip install seneca-sim[torch]``. Modules of torch.nn are known; neurons of snnTorch, sinabs and
SpikingJelly and layers of Brevitas where these packages are installed; others after `register`.

>>> from seneca_sim.torch import export  # doctest: +SKIP
>>> print(export(module, example, "net.h5"))  # doctest: +SKIP
"""

from __future__ import annotations

from seneca_sim.torch.exporting import Comparison, export
from seneca_sim.torch.registry import register

__all__ = ["Comparison", "export", "register"]
