"""Networks on top of an encoder."""

import copy

import pytest

torch = pytest.importorskip("torch")

from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn  # noqa: E402

from vmfmix.deep.networks import MomentumTarget, projector  # noqa: E402


def test_momentum_target_equals_averaged_model():
    """After the first update, which copies the weights in AveragedModel."""
    torch.manual_seed(0)
    online = projector(4, 8, 3)
    target = MomentumTarget(online)
    averaged = AveragedModel(online, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    averaged.update_parameters(online)
    for _ in range(5):
        online(torch.randn(16, 4))  # moves the statistics of batch normalization
        with torch.no_grad():
            for parameter in online.parameters():
                parameter.add_(torch.randn_like(parameter))
        target.follow(online, 0.9)
        averaged.update_parameters(online)
    expected = averaged.module.state_dict()
    assert expected.keys() == target.network.state_dict().keys()
    for name, value in target.network.state_dict().items():
        torch.testing.assert_close(value, expected[name])


def test_momentum_target_gets_no_gradient_and_is_a_copy():
    online = projector(4, 8, 3)
    before = copy.deepcopy(online.state_dict())
    target = MomentumTarget(online)
    assert not target(torch.randn(16, 4)).requires_grad
    assert not any(parameter.requires_grad for parameter in target.parameters())
    for name, value in online.state_dict().items():
        assert torch.equal(value, before[name])
