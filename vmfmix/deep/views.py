"""Random views of a batch of images, made on their device, with kornia."""

import kornia.augmentation as augmentation
import torch
from torch import nn

_SHARE_OF_A_SMALL_CROP = (0.05, 0.3)  # of the area of an image
# How to crop on a CPU, and elsewhere: the views are the same. A CPU is up to three times as fast
# where one image is cut after the other; a GPU then waits for most of a training.
_MODES = "slice", "resample"


class Views(nn.Module):
    """Two random crops of each image, and more smaller ones if they are wanted.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of a view, in pixels.
    n_channels : int, default=3
        3: colors change too; 1: brightness and contrast alone.
    least_area : float, default=0.2
        A crop shows at least this share of the image.
    flip : bool, default=True
        Left and right change places at random; not for digits or letters.
    color : float, default=1.0
        Strength of the changes of color; 0: none.
    blur : bool, default=False
        Blur half of the views; for large images.
    n_small, small_size : int, default=0
        Number, and height and width, of smaller crops beside the two.

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
        size,
        n_channels=3,
        *,
        least_area=0.2,
        flip=True,
        color=1.0,
        blur=False,
        n_small=0,
        small_size=0,
    ):
        super().__init__()
        looks = _looks(n_channels, color, blur, size)
        small = small_size or size
        self.large, self.small = nn.ModuleDict(), nn.ModuleDict()
        for mode in _MODES:
            self.large[mode] = _crops(size, (least_area, 1.0), mode, flip, looks)
            self.small[mode] = _crops(small, _SHARE_OF_A_SMALL_CROP, mode, flip, looks)
        self.n_small = n_small

    @torch.no_grad()
    def forward(self, images):
        """Views of images with values from 0 to 1, or of bytes: two, and the smaller ones."""
        images = as_floats(images)
        mode = _MODES[images.device.type != "cpu"]
        large, small = self.large[mode], self.small[mode]
        return [large(images) for _ in range(2)] + [small(images) for _ in range(self.n_small)]


def as_floats(images):
    """Images with values from 0 to 1; bytes are divided by 255."""
    return images.float() / 255.0 if images.dtype == torch.uint8 else images


def _crops(size, scale, mode, flip, looks):
    shape = (size, size) if isinstance(size, int) else tuple(size)
    crop = augmentation.RandomResizedCrop(shape, scale=scale, cropping_mode=mode)
    mirror = [augmentation.RandomHorizontalFlip()] if flip else []
    return augmentation.AugmentationSequential(crop, *mirror, *looks)


def _looks(n_channels, strength, blur, size):
    """What changes the values of pixels."""
    changes = []
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
        width = (
            size if isinstance(size, int) else min(size)
        ) // 20 * 2 + 1  # about a tenth of the image, and odd
        changes.append(augmentation.RandomGaussianBlur((width, width), (0.1, 2.0), p=0.5))
    return changes
