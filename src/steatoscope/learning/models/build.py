"""Builds an architecture from its card, with an example of its inputs."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import torch
from torch import Tensor, nn

from steatoscope.learning.models.cards import ArchitectureCard, card_named


def build(name: str, *, weights: str = "random", **settings: Any) -> nn.Module:
    """The network of a card; ``weights`` as the card lists them, ``settings`` overrule the card's own.

    Raises UsageError for an unknown architecture or weights that it cannot take.
    """
    card = card_named(name)
    module, attribute = card.builder.split(":")
    maker = getattr(importlib.import_module(module), attribute)
    given = {**card.settings, **settings}
    if "weights" in inspect.signature(maker).parameters:
        given["weights"] = weights
    elif "pretrained" in inspect.signature(maker).parameters:
        given["pretrained"] = weights == "package"
    network: nn.Module = maker(**given)
    return network


def example_inputs(card: ArchitectureCard, *, batch: int = 1) -> tuple[Tensor, ...]:
    """Random inputs of the shapes on the card; a ``present`` input is ones."""
    generator = torch.Generator().manual_seed(0)
    return tuple(
        torch.ones(batch, *shape[1:]) if name == "present" else torch.rand(batch, *shape[1:], generator=generator)
        for name, shape in card.inputs.items()
    )


def weight_count(network: nn.Module) -> int:
    """Number of trainable and frozen weights."""
    return sum(parameter.numel() for parameter in network.parameters())
