"""Random views of a batch of images, computed on their device with kornia."""

from typing import Any

import kornia.augmentation as augmentation
import torch
from torch import nn

_SMALL_CROP_AREA = (0.05, 0.3)  # range of the area, as a share of the image
# Cropping mode on a CPU, and elsewhere; both give the same views. A CPU is up to three times as
# fast if images are cropped one by one; a GPU would idle for most of a training.
_CROPPING_MODES = "slice", "resample"


class Views(nn.Module):
    """Two random crops of each image and, optionally, further small ones.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of a view, in pixels.
    n_channels : int, default=3
        With 3 channels, colors change; otherwise, only brightness and contrast do.
    least_area : float, default=0.2
        Smallest area of a crop, as a share of the image.
    flip : bool, default=True
        Mirror half of the views horizontally; not suitable for digits or letters.
    color : float, default=1.0
        Strength of the changes of color; 0: none.
    blur : bool, default=False
        Blur half of the views; for large images.
    n_small : int, default=0
        Number of small crops in addition to the two large ones.
    small_size : int, default=0
        Height and width of the small crops, in pixels; 0: `size`.

    Examples
    --------
    >>> import torch
    >>> from vmfmix.deep.views import Views
    >>> one, other = Views(32)(torch.rand(8, 3, 32, 32))
    >>> one.shape, bool((one == other).all())
    (torch.Size([8, 3, 32, 32]), False)
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        n_channels: int = 3,
        *,
        least_area: float = 0.2,
        flip: bool = True,
        color: float = 1.0,
        blur: bool = False,
        n_small: int = 0,
        small_size: int = 0,
    ) -> None:
        super().__init__()
        pixel_changes = _pixel_changes(n_channels, color, blur, size)
        self.large, self.small = nn.ModuleDict(), nn.ModuleDict()
        for mode in _CROPPING_MODES:
            self.large[mode] = _crops(size, (least_area, 1.0), mode, flip, pixel_changes)
            self.small[mode] = _crops(
                small_size or size, _SMALL_CROP_AREA, mode, flip, pixel_changes
            )
        self.n_small = n_small

    @torch.no_grad()
    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return two large views and the small ones.

        Parameters
        ----------
        images : Tensor of shape (batch, channels, height, width)
            Values from 0 to 1, or bytes.

        Returns
        -------
        list of Tensor
        """
        images = as_floats(images)
        mode = _CROPPING_MODES[images.device.type != "cpu"]
        large, small = self.large[mode], self.small[mode]
        return [large(images) for _ in range(2)] + [small(images) for _ in range(self.n_small)]


def as_floats(images: torch.Tensor) -> torch.Tensor:
    """Return images with values from 0 to 1; bytes are divided by 255."""
    return images.float() / 255.0 if images.dtype == torch.uint8 else images


def _crops(
    size: int | tuple[int, int],
    area: tuple[float, float],
    mode: str,
    flip: bool,
    pixel_changes: list[Any],
) -> nn.Module:
    """Return random crops of a size, mirrored and with changed pixels."""
    height, width = (size, size) if isinstance(size, int) else size
    crop = augmentation.RandomResizedCrop((height, width), scale=area, cropping_mode=mode)
    mirror = [augmentation.RandomHorizontalFlip()] if flip else []
    return augmentation.AugmentationSequential(crop, *mirror, *pixel_changes)


def _pixel_changes(
    n_channels: int, strength: float, blur: bool, size: int | tuple[int, int]
) -> list[Any]:
    """Return random changes of color or brightness, and of sharpness."""
    changes: list[Any] = []
    if strength > 0 and n_channels == 3:
        changes = [
            augmentation.ColorJiggle(
                0.4 * strength, 0.4 * strength, 0.4 * strength, 0.1 * strength, p=0.8
            ),
            augmentation.RandomGrayscale(p=0.2),
        ]
    elif strength > 0:
        least, most = 1.0 - 0.4 * strength, 1.0 + 0.4 * strength
        changes = [
            augmentation.RandomBrightness((least, most), p=0.8),
            augmentation.RandomContrast((least, most), p=0.8),
        ]
    if blur:
        shorter_side = size if isinstance(size, int) else min(size)
        width = shorter_side // 20 * 2 + 1  # about a tenth of the image, and odd
        changes.append(augmentation.RandomGaussianBlur((width, width), (0.1, 2.0), p=0.5))
    return changes
