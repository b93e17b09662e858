"""Tensors in .safetensors files and in .pt files of PyTorch, of which nothing is unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from vmfmix.storage import archives
from vmfmix.storage.array_files import ArrayFile
from vmfmix.storage.requirements import validate_installed

_DTYPES = {
    "F16": "float16",
    "BF16": "float32",  # which NumPy lacks
    "F32": "float32",
    "F64": "float64",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
}


def open_safetensors(path: Path) -> ArrayFile:
    """Open a .safetensors file.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    ArrayFile
        Tensors of bfloat16 are read as float32, which needs torch.

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    from safetensors import safe_open

    def shapes() -> dict[str, tuple[str, tuple[int, ...]]]:
        with safe_open(str(path), framework="numpy") as file:
            slices = {name: file.get_slice(name) for name in list(file.keys())}
            return {name: (part.get_dtype(), part.get_shape()) for name, part in slices.items()}

    types = _undamaged(path, shapes)

    def read(name: str) -> Any:
        if types[name][0] != "BF16":
            with safe_open(str(path), framework="numpy") as file:
                return file.get_tensor(name)
        validate_installed("torch", path)
        with safe_open(str(path), framework="pt") as file:
            return _as_array(file.get_tensor(name))

    found = {
        name: (tuple(shape), np.dtype(_DTYPES[type]) if type in _DTYPES else None)
        for name, (type, shape) in types.items()
    }
    return ArrayFile(path, found, lambda name: _undamaged(path, read, name))


def open_torch(path: Path) -> ArrayFile:
    """Open a .pt file that holds a tensor, or a dict of tensors.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    ArrayFile

    Raises
    ------
    ValueError
        If the file is damaged, or holds anything that could run code.
    """
    content = _undamaged(path, load_torch, path)
    tensors = content if isinstance(content, dict) else {"": content}
    shapes = {str(name): _shape(value) for name, value in tensors.items()}
    if all(dtype is None for _, dtype in shapes.values()):
        raise ValueError(
            f"{path} holds no tensor of numbers; save a tensor, or a dict of tensors, with "
            "torch.save."
        )
    by_name = {str(name): value for name, value in tensors.items()}
    return ArrayFile(path, shapes, lambda name: _undamaged(path, _as_array, by_name[name]))


def load_torch(path: str | Path, *, old: bool = False) -> Any:
    """Return the contents of a file of PyTorch on the CPU: only tensors and plain values.

    Parameters
    ----------
    path : str or path-like
    old : bool, default=False
        Whether the file may have the format of PyTorch before 1.6, which has no checksums and may
        claim any size.

    Returns
    -------
    object

    Raises
    ------
    MemoryError
    Exception
        If the file is damaged, or could run code; of many types.
    """
    import torch

    with open(path, "rb") as file:
        if not old or zipfile.is_zipfile(file):
            with archives.opened(file) as archive:
                if archive.testzip() is not None:
                    raise ValueError("A checksum is wrong.")
        file.seek(0)
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except RuntimeError as error:
            if "can't allocate memory" in str(error):  # the wording of torch
                raise MemoryError(f"There is not enough memory to read {path}.") from error
            raise


def _shape(value: Any) -> tuple[tuple[int, ...], np.dtype[Any] | None]:
    """Return shape and NumPy type of a tensor; the type is None for other values."""
    import torch

    if not isinstance(value, torch.Tensor) or value.layout != torch.strided:
        return (), None
    if value.dtype.is_floating_point and value.dtype.itemsize < 4 and value.dtype != torch.float16:
        return tuple(value.shape), np.dtype(np.float32)
    try:
        return tuple(value.shape), np.dtype(str(value.dtype).removeprefix("torch."))
    except TypeError:  # quantized
        return (), None


def _as_array(tensor: Any) -> np.ndarray:
    """Return a tensor as an array; types that NumPy lacks become float32."""
    tensor = tensor.detach()
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise ValueError("The tensor repeats its numbers, so it may be of any size.")
    if str(_shape(tensor)[1]) != str(tensor.dtype).removeprefix("torch."):
        tensor = tensor.float()
    array: np.ndarray = tensor.numpy()
    return array


def _undamaged(path: Path, read: Callable[..., Any], *arguments: Any) -> Any:
    """Return ``read(*arguments)``, or raise ValueError if the file is damaged."""
    path.open("rb").close()  # raises an error of its own if the file cannot be opened
    try:
        return read(*arguments)
    except MemoryError:
        raise
    except Exception:  # damage raises errors of many types
        suffix = path.suffix.lower()
        raise ValueError(
            f"{path} is not a complete {suffix} file of tensors, or has objects that could run "
            "code; save tensors of numbers only."
        ) from None
