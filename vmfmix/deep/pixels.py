"""Layout and range of the values of images: recognized, or refused with the index of an image."""

from __future__ import annotations

import torch

_OVERSHOOT = 0.1  # by which resizing exceeds the range of values; a viewer clips it, too
_LEAST_LARGEST_BYTE = 127  # of values up to 255: up to 16 or 100, they are of another range
_HINT = (
    "pass bytes, or numbers from 0 to 1 or from 0 to 255, without subtracting a mean or dividing "
    "by a standard deviation"
)


def is_channels_last(shape: tuple[int, ...]) -> bool:
    """Return whether (…, height, width, channels) is the likely order of the axes of images."""
    return len(shape) >= 3 and shape[-3] not in (1, 3) and shape[-1] in (1, 3)


def white_level(images: torch.Tensor, indices: list[int] | None = None) -> float:
    """Return the value of white: 1 or 255.

    Parameters
    ----------
    images : Tensor of shape (n, …)
        Numbers of any type.
    indices : list of int, default=None
        Index of each image for messages; None: its position.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the values are not finite, or are in neither range.

    Examples
    --------
    >>> import torch
    >>> from vmfmix.deep.pixels import white_level
    >>> white_level(torch.tensor([[0.0, 0.5]])), white_level(torch.tensor([[0, 200]]))
    (1.0, 255.0)
    """
    if images.dtype == torch.bool:
        return 1.0
    if images.numel() == 0:
        raise ValueError(f"The images have the shape {tuple(images.shape)}, without any values.")
    flat = images.flatten(1)
    low, high = flat.amin(dim=1), flat.amax(dim=1)
    index_of = (lambda i: i) if indices is None else indices.__getitem__
    not_finite = ~(torch.isfinite(low) & torch.isfinite(high))
    if not_finite.any():
        index = index_of(int(not_finite.int().argmax()))
        raise ValueError(
            f"Image {index} has values that are NaN or infinite; repair the image or leave it out."
        )
    for white, least_largest in ((1.0, 0.0), (255.0, _LEAST_LARGEST_BYTE)):
        if images.dtype == torch.uint8 and white == 1.0:
            continue
        margin = _OVERSHOOT * white if images.is_floating_point() else 0.0
        in_range = float(low.min()) >= -margin and float(high.max()) <= white + margin
        if in_range and (float(high.max()) >= least_largest or images.dtype == torch.uint8):
            return white
    worst = int(torch.maximum(high, -low).argmax())
    raise ValueError(
        f"Image {index_of(worst)} has values from {float(low[worst]):g} to {float(high[worst]):g}; "
        f"{_HINT}."
    )


def validate_values(image: torch.Tensor, white: float | None, index: int) -> None:
    """Raise ValueError if an image has values beyond a range.

    Parameters
    ----------
    image : Tensor
    white : float or None
        The value of white; None: all finite values are allowed.
    index : int
        Index of the image for the message.
    """
    low, high = (float(value) for value in torch.aminmax(image))
    if not (torch.isfinite(torch.tensor([low, high])).all()):
        raise ValueError(
            f"Image {index} has values that are NaN or infinite; repair the image or leave it out."
        )
    if white is not None and not -_OVERSHOOT * white <= low <= high <= (1 + _OVERSHOOT) * white:
        raise ValueError(
            f"Image {index} has values from {low:g} to {high:g}, but others suggest that all are "
            f"from 0 to {white:g}; {_HINT}."
        )
