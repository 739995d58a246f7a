"""Shallow ConvLSTM: one layer of 2D ConvLSTM over the frames, its last state classified, no attention.

From the source (reference [6] of the paper): a clip through a shallow ConvLSTM network, without attention.
Assumed: everything else, because the source's layers could not be verified. The ConvLSTM layer, pooling,
1 x 1 convolution and classifier are those of model C (`mer.models.convlstm`), so that the two differ by the
attention alone: 2,021,645 parameters for grey clips and five classes. Any input mode.

Reference: Shukla et al., as cited by Upadhyay & Verlekar.
"""

from torch import Tensor, nn

from mer.models.convlstm import TOKEN_WIDTH, ConvLstm
from mer.models.head import Classifier
from mer.preprocess import InputMode


class LastState(nn.Module):
    """Classifies the last token and looks at no other."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.classifier = Classifier(TOKEN_WIDTH, n_classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (N, n_classes) logits of (N, 13, 15488) tokens."""
        logits: Tensor = self.classifier(tokens[:, -1])
        return logits


class ShallowConvLstm(ConvLstm):
    """Model C without its attention; trained by the same fast passes."""

    def __init__(self, *, mode: InputMode, n_classes: int) -> None:
        super().__init__(mode=mode, n_classes=n_classes)
        self.head = LastState(n_classes)  # type: ignore[assignment]
