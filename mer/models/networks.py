"""Networks by name: encoded uint8 clips in, logits out. Needs torch."""

from torch import nn

from mer.errors import MerError
from mer.models.convlstm import STATE_CHANNELS, ConvLstmLayer
from mer.models.registry import OURS, SYSTEMS, networks
from mer.preprocess import check_mode


def create(name: str, *, mode: str, n_classes: int) -> nn.Module:
    """Return a network with fresh weights, drawn from torch's global generator.

    The network normalises its input itself. It takes what `mer.preprocess.encode` returns, stacked:
    (N, 13, 90, 90) for gray and residual, (N, 13, 90, 90, 3) for rgb and flow, uint8 or any float
    type with the same values, and returns (N, n_classes) logits.

    Args:
        name: One of `mer.models.registry.networks()`.
        mode: gray, rgb, residual or flow; of a network that makes its own input, the one it is made from.
        n_classes: Number of logits, at least 2.

    Raises:
        MerError: If the name or mode is not known or there are fewer than two classes.
    """
    if name not in networks():
        raise MerError(f"model {name!r} is not known; choose one of {', '.join(networks())}")
    if n_classes < 2:
        raise MerError(f"{n_classes} class(es) given; a classifier needs at least 2")
    wanted, system = check_mode(mode), SYSTEMS[name]
    if system.own_input is not None:  # draws its own weights as well
        if wanted != system.own_input:
            raise MerError(f"model {name!r} takes input {system.own_input!r}, but {mode!r} was given")
        made: nn.Module = system.load()(n_classes=n_classes)
        return made
    model: nn.Module = system.load()(mode=wanted, n_classes=n_classes)
    if name in OURS:  # a user's own draws, or loads, its weights itself
        model.apply(_initialise)
    return model


def parameter_count(model: nn.Module) -> int:
    """Return how many numbers a network has, frozen ones included."""
    return sum(p.numel() for p in model.parameters())


def _initialise(module: nn.Module) -> None:
    """Draw weights as Keras does, whose defaults the paper leaves unchanged as far as it says."""
    if isinstance(module, (nn.Linear, nn.Conv2d, nn.Conv3d)):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    if isinstance(module, ConvLstmLayer):  # visited after its convolutions
        nn.init.orthogonal_(module.state_conv.weight)
        if module.input_conv.bias is not None:
            nn.init.ones_(module.input_conv.bias.data[STATE_CHANNELS : 2 * STATE_CHANNELS])  # forget gates start open
