"""Random views of images."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("kornia")

from vmfmix.deep.views import Views  # noqa: E402


@pytest.mark.parametrize("which", ["large", "small"])
def test_cropping_modes_give_same_views(which):
    """A CPU crops images one by one, and a GPU all of them at once."""
    images = torch.rand(16, 3, 24, 20)
    pairs = getattr(Views((24, 20), n_small=1, small_size=12, blur=True), which)
    views = []
    for crop in pairs.values():
        torch.manual_seed(0)
        views.append(crop(images))
    torch.testing.assert_close(*views, rtol=0.0, atol=2e-4)
    assert views[0].shape[2:] == ((24, 20) if which == "large" else (12, 12))


@pytest.mark.parametrize("n_channels", [2, 5, 12])
def test_brightness_and_contrast_of_many_channels_change(n_channels):
    images = torch.full((8, n_channels, 20, 24), 0.4)
    images[:, :, 5:15] = 0.6
    one, other = Views((20, 24), n_channels, blur=True)(images)
    assert one.shape == images.shape and not torch.equal(one, other)
    unchanged, _ = Views((20, 24), n_channels, color=0.0)(images)
    assert float(unchanged.min()) >= 0.399 and float(one.min()) < 0.39


def test_views_differ_and_bytes_are_divided_by_255():
    """The two views and the small ones are different crops."""
    bytes_ = (torch.rand(4, 1, 16, 16) * 255).byte()
    views = Views(16, 1, n_small=2, small_size=8)(bytes_)
    assert [view.shape[-1] for view in views] == [16, 16, 8, 8]
    assert not torch.equal(views[0], views[1]) and float(views[0].max()) <= 2.0
