"""Recognition and stacking of torch tensors, without importing torch."""

import sys
from collections.abc import Iterable
from typing import Any


def is_tensor(X: Any) -> bool:
    """Return whether X is a torch tensor, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(X, torch.Tensor)


def stacked_tensors(tensors: Iterable[Any]) -> Any:
    """Return tensors of one shape as the rows of one tensor, without their gradients."""
    return sys.modules["torch"].stack([tensor.detach() for tensor in tensors])
