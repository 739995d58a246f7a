"""The attention head that the three networks share.

References:
    Upadhyay & Verlekar, section 2: four heads, "parameter size 64", softmax(q k^T / sqrt(d)) v, then
    128 units with ReLU, dropout 0.2 and one unit a class.
    Vaswani et al., "Attention is all you need", 2017, section 3.2.
"""

import math
from typing import Final

import torch
from torch import Tensor, nn

N_HEADS: Final = 4
HEAD_WIDTH: Final = 16
ATTENTION_WIDTH: Final = N_HEADS * HEAD_WIDTH
"""64, the paper's "parameter size": the total over the heads. 64 a head would make 17.9 M parameters, not 6."""
HIDDEN_WIDTH: Final = 128
DROPOUT: Final = 0.2


class Attention(nn.Module):
    """Multi-head self-attention with biased projections back to the width of the tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, ATTENTION_WIDTH)
        self.key = nn.Linear(width, ATTENTION_WIDTH)
        self.value = nn.Linear(width, ATTENTION_WIDTH)
        self.out = nn.Linear(ATTENTION_WIDTH, width)

    def mix(self, queries: Tensor, tokens: Tensor) -> Tensor:
        """Return the mixed values before the output projection.

        Args:
            queries: (N, Q, width) tokens that ask.
            tokens: (N, T, width) tokens that answer.

        Returns:
            (N, Q, 64), the heads side by side.
        """
        q = _heads(self.query(queries))  # (N, 4, Q, 16)
        k = _heads(self.key(tokens))  # (N, 4, T, 16)
        v = _heads(self.value(tokens))  # (N, 4, T, 16)
        share = torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(HEAD_WIDTH), dim=-1)  # (N, 4, Q, T)
        return (share @ v).transpose(1, 2).flatten(2)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (N, T, width) attended tokens from (N, T, width)."""
        mixed: Tensor = self.out(self.mix(tokens, tokens))
        return mixed


def _heads(projected: Tensor) -> Tensor:
    return torch.unflatten(projected, -1, (N_HEADS, HEAD_WIDTH)).transpose(1, 2)


class Classifier(nn.Module):
    """128 units with ReLU, dropout, one logit a class."""

    def __init__(self, width: int, n_classes: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, HIDDEN_WIDTH)
        self.dropout = nn.Dropout(DROPOUT)
        self.out = nn.Linear(HIDDEN_WIDTH, n_classes)

    def forward(self, token: Tensor) -> Tensor:
        """Return (N, n_classes) logits of (N, width) tokens."""
        logits: Tensor = self.out(self.dropout(torch.relu(self.hidden(token))))
        return logits


class TokenHead(nn.Module):
    """Attention over all tokens, of which one goes on to the classifier.

    Only that token asks: the rows of the others would be thrown away.

    Args:
        width: Numbers a token.
        token: Position of the token that goes on.
        n_classes: Number of logits.
    """

    def __init__(self, width: int, *, token: int, n_classes: int) -> None:
        super().__init__()
        self.token = token
        self.attention = Attention(width)
        self.classifier = Classifier(width, n_classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (N, n_classes) logits of (N, T, width) tokens."""
        asking = tokens[:, self.token : self.token + 1]
        attended = self.attention.out(self.attention.mix(asking, tokens).squeeze(1))
        logits: Tensor = self.classifier(attended)
        return logits


class MeanHead(nn.Module):
    """Attention over all tokens, whose mean goes on to the classifier.

    The output projection is affine, so the mean is taken before it: one projection, not T.

    Args:
        width: Numbers a token.
        n_classes: Number of logits.
    """

    def __init__(self, width: int, *, n_classes: int) -> None:
        super().__init__()
        self.attention = Attention(width)
        self.classifier = Classifier(width, n_classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (N, n_classes) logits of (N, T, width) tokens."""
        attended = self.attention.out(self.attention.mix(tokens, tokens).mean(dim=1))
        logits: Tensor = self.classifier(attended)
        return logits


class PositionalEmbedding(nn.Module):
    """A learned vector for each place, added to the token there."""

    def __init__(self, n_tokens: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(n_tokens, width).uniform_(-0.05, 0.05))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (N, T, width) tokens that know their place."""
        return tokens + self.table
