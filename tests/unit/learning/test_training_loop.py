"""The loop learns, resumes exactly at every kind of rate, keeps the best weights and refuses what is not finite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from steatoscope.learning.training.loop import CHECKPOINT, Schedule, fit  # noqa: E402
from steatoscope.learning.training.losses import bce_dice, class_and_value, soft_dice, soft_iou, weighted_nll  # noqa: E402


def _line() -> object:
    torch.manual_seed(0)
    return torch.nn.Linear(3, 1)


def _batch(step: int) -> tuple[object, object]:
    x = torch.from_numpy(np.random.default_rng([7, step]).normal(size=(16, 3)).astype(np.float32))
    return x, x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.3


def _loss(network: object, x: object, y: object) -> object:
    return torch.mean((network(x).float() - y) ** 2)  # type: ignore[operator]


SCHEDULE = Schedule(200, 0.1, weight_decay=0.0, bf16=False, save_every=50)


def test_a_line_is_found() -> None:
    network = _line()
    fit(network, _batch, _loss, SCHEDULE)
    np.testing.assert_allclose(network.weight.detach().numpy(), [[1.0, -2.0, 0.5]], atol=0.02)


def test_a_killed_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = _line()
    fit(whole, _batch, _loss, SCHEDULE, out=tmp_path / "whole")

    def killed(step: int) -> tuple[object, object]:
        if step == 120:
            raise KeyboardInterrupt
        return _batch(step)

    broken = _line()
    with pytest.raises(KeyboardInterrupt):
        fit(broken, killed, _loss, SCHEDULE, out=tmp_path / "broken")
    resumed = _line()
    history = fit(resumed, _batch, _loss, SCHEDULE, out=tmp_path / "broken", resume=True)
    assert len(history.loss) == 200
    assert torch.equal(whole.weight, resumed.weight)
    assert (tmp_path / "broken" / "curves.png").is_file()


def test_the_best_weights_are_kept_and_patience_stops(tmp_path: Path) -> None:
    network = _line()
    scores = iter([0.5, 0.9, 0.3, 0.2, 0.1])
    kept: list[object] = []

    def monitor(net: object) -> dict[str, np.float64]:
        kept.append(net.weight.detach().clone())  # type: ignore[attr-defined]
        return {"score": np.float64(next(scores))}

    schedule = Schedule(200, 0.1, bf16=False, check_every=10, patience=2, save_every=10)
    history = fit(network, _batch, _loss, schedule, out=tmp_path, monitor=monitor)
    torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert history.best_step == 20
    assert len(history.loss) == 40
    assert torch.equal(network.weight, kept[1])


def _rates_used(schedule: Schedule, monkeypatch: pytest.MonkeyPatch, scores: list[float], **how: object) -> list[float]:
    """The learning rate of every step that ``fit`` takes."""
    used: list[float] = []
    step = torch.optim.AdamW.step

    def noted(self: object, *args: object, **kwargs: object) -> object:
        used.append(self.param_groups[0]["lr"])  # type: ignore[attr-defined]
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", noted)
    left = iter(scores)
    fit(_line(), _batch, _loss, schedule, monitor=lambda _net: {"score": next(left)}, **how)  # type: ignore[arg-type]
    return used


def test_rates_go_up_and_down_stay_or_halve(monkeypatch: pytest.MonkeyPatch) -> None:
    common = {"weight_decay": 0.0, "bf16": False, "check_every": 2, "plateau_checks": 1}
    once = _rates_used(Schedule(9, 0.1, warm_share=0.3, **common), monkeypatch, [1.0] * 4)
    assert max(once) == pytest.approx(0.1)
    assert once[0] < 0.01
    assert once[-1] < 0.01
    constant = _rates_used(Schedule(10, 0.1, rates="constant", **common), monkeypatch, [1.0] * 5)
    assert constant == [0.1] * 10
    # The first check is the best; the third is the second without gain, which one check of patience does not forgive.
    plateau = _rates_used(Schedule(10, 0.1, rates="plateau", **common), monkeypatch, [0.5, 0.4, 0.3, 0.2, 0.1])
    assert plateau == pytest.approx([0.1] * 6 + [0.05] * 4)


@pytest.mark.parametrize("rates", ["one-cycle", "constant", "plateau"])
def test_a_killed_run_goes_on_at_the_same_rate(tmp_path: Path, rates: str) -> None:
    schedule = Schedule(40, 0.05, bf16=False, check_every=5, save_every=10, rates=rates, plateau_checks=1)  # type: ignore[arg-type]

    def monitor(net: object) -> dict[str, float]:
        return {"score": float(net.weight.detach().abs().sum() < 1.0)}  # type: ignore[attr-defined]

    def killed(step: int) -> tuple[object, object]:
        if step == 27:
            raise KeyboardInterrupt
        return _batch(step)

    whole, broken, resumed = _line(), _line(), _line()
    fit(whole, _batch, _loss, schedule, out=tmp_path / "whole", monitor=monitor)
    with pytest.raises(KeyboardInterrupt):
        fit(broken, killed, _loss, schedule, out=tmp_path / "broken", monitor=monitor)
    fit(resumed, _batch, _loss, schedule, out=tmp_path / "broken", resume=True, monitor=monitor)
    assert torch.equal(whole.weight, resumed.weight)
    ends = [
        torch.load(tmp_path / run / CHECKPOINT, weights_only=True)["optimiser"]["param_groups"][0]["lr"]
        for run in ("whole", "broken")
    ]
    assert ends[0] == ends[1]
    assert (ends[0] < 0.05) == (rates != "constant")


def test_a_loss_that_is_not_finite_stops() -> None:
    with pytest.raises(FloatingPointError, match="not finite"):
        fit(_line(), _batch, lambda n, x, y: _loss(n, x, y) * float("nan"), SCHEDULE)


def test_overlap_losses_have_their_closed_forms() -> None:
    target = torch.zeros(1, 1, 4, 4)
    target[..., :2] = 1.0
    half = torch.full((1, 1, 4, 4), 0.5)
    assert float(soft_dice(half, target, smooth=0.0)) == pytest.approx(1.0 - 2 * 4 / (8 + 8))
    assert float(soft_iou(half, target, smooth=0.0)) == pytest.approx(1.0 - 4 / (8 + 8 - 4))
    assert float(soft_dice(target, target)) == pytest.approx(0.0)
    logits = torch.where(target > 0, 20.0, -20.0)
    assert float(bce_dice(logits, target)) == pytest.approx(0.0, abs=1e-6)


def test_what_is_unknown_does_not_count() -> None:
    target = torch.zeros(1, 1, 4, 4)
    known = torch.zeros(1, 1, 4, 4)
    known[..., 0] = 1.0
    logits = torch.full((1, 1, 4, 4), -20.0)
    logits[..., 1:] = 20.0
    assert float(bce_dice(logits, target, known)) == pytest.approx(0.0, abs=1e-6)


def test_class_losses_agree_with_hand_calculation() -> None:
    logits, labels = torch.tensor([[0.0, 0.0]]), torch.tensor([1])
    weights = torch.tensor([1.0, 3.0])
    assert float(weighted_nll(logits, labels, weights)) == pytest.approx(np.log(2.0))
    value = class_and_value(logits, labels, torch.tensor([2.0]), torch.tensor([5.0]), weights, share=0.5)
    assert float(value) == pytest.approx(0.5 * np.log(2.0) + 0.5 * 2.5)
