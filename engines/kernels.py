"""Whether a plan works in half precision: TensorRT-RTX names its kernels after a build, TensorRT tells its layers."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from mer.errors import MerError

TABLE: Final = "Layers:"
"""What the message with the kernels begins with."""
_ROW: Final = re.compile(
    r"^Name: (?P<name>\S+), LayerType: (?P<kind>\w+), Inputs: (?P<inputs>.*?), Constants: ", re.MULTILINE
)
_CONVOLUTION: Final = "correlation"


@dataclass(frozen=True, slots=True)
class Kernel:
    """One kernel.

    Attributes:
        name: The library's.
        kind: The library's word for what it does; "correlation" is a convolution, "kgen" a kernel it made up.
        half: Whether nothing that enters is in single precision.
    """

    name: str
    kind: str
    half: bool

    @property
    def convolves(self) -> bool:
        """Whether it is a convolution."""
        return self.kind == _CONVOLUTION


def read_kernels(message: str) -> list[Kernel]:
    """Return the kernels of a message of the library in the order in which they run; none of another message."""
    if not message.startswith(TABLE):
        return []
    return [Kernel(row["name"], row["kind"], "Datatype: Float" not in row["inputs"]) for row in _ROW.finditer(message)]


def checked(kernels: Sequence[Kernel], precision: str) -> tuple[Kernel, ...]:
    """Return the kernels of a plan in the precision that it is called by, as far as the library tells."""
    convolutions = [kernel for kernel in kernels if kernel.convolves]
    if precision == "fp16":
        refuse_wide([kernel.name for kernel in convolutions if not kernel.half], len(convolutions))
    return tuple(kernels)


def check_described(describe: Callable[[], tuple[list[str], int]]) -> str:
    """Refuse a plan by the library's description of its layers; return why that cannot be done, empty if it was.

    Args:
        describe: Returns the convolutions that are not in half precision, and how many there are.

    Raises:
        MerError: If there are any in single precision.
    """
    try:
        wide, convolutions = describe()
    except ValueError as error:
        return f"the library's description of the plan cannot be read: {error}"
    if not convolutions:
        return "the library's description of the plan names none of the convolutions"
    refuse_wide(wide, convolutions)
    return ""


def refuse_wide(wide: Sequence[str], convolutions: int) -> None:
    """Refuse a plan that is called fp16 if some of its convolutions are not in half precision.

    Raises:
        MerError: If there are any.
    """
    if wide:
        raise MerError(
            f"{len(wide)} of {convolutions} convolutions of the plan are not in half precision, {wide[0]} for example; "
            "nothing was written. Build with another --level, or with --precision fp32"
        )
