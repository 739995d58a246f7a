"""Clips, their flow and what a network makes of them, by name, for other programs."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mer.checkpoint import Configuration
from mer.errors import MerError
from mer.files import write_atomically
from mer.missing import needed
from mer.preprocess import FLOW_STEPS_PER_PX, STRAIN_STEPS, check_mode, encode
from mer.training.data import ClipData

_PART: Final = 8

Arrays = Mapping[str, NDArray[Any]]


def described(data: ClipData) -> dict[str, NDArray[Any]]:
    """Return what every export has: dataset, subject, name and label of each clip, as `mer-train --clips` reads it."""
    names = ("datasets", "subjects", "names", "labels")
    return {name: np.asarray(getattr(data, name)).astype(np.str_) for name in names}


def flow_of(data: ClipData, *, progress: Callable[[int, int], None] | None = None) -> dict[str, NDArray[Any]]:
    """Return the motion since the onset, as networks see it: without that of the head, rounded to 1/24 pixel.

    Args:
        data: Grey clips.
        progress: Called with (clips done, clips in all).

    Returns:
        flow: (N, 13, 90, 90, 2) float32, pixels to the right and down; strain: (N, 13, 90, 90) float32, pixels a pixel.
    """
    flow, strain = [], []
    for number, clip in enumerate(data.clips, 1):
        encoded = encode(clip, "flow").astype(np.float32)
        flow.append((encoded[..., :2] - 128.0) / np.float32(FLOW_STEPS_PER_PX))
        strain.append(encoded[..., 2] / np.float32(STRAIN_STEPS))
        if progress:
            progress(number, len(data.clips))
    return {"flow": np.stack(flow), "strain": np.stack(strain)}


def embeddings_of(data: ClipData, network: nn.Module, configuration: Configuration) -> dict[str, NDArray[Any]]:
    """Return what the last linear layer of a network is given, and its predictions.

    Args:
        data: Clips, not encoded.
        network: With at least one linear layer.
        configuration: Its mode, classes and temperature.

    Returns:
        embeddings: (N, D) float32; probabilities: (N, C) float32; classes: (C,) names.

    Raises:
        MerError: If the network has no linear layer, or needs colours that the clips do not have.
    """
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not layers:
        raise MerError(f"model {configuration.model!r} has no linear layer, whose input would be the embedding")
    seen: list[Tensor] = []
    hook = layers[-1].register_forward_pre_hook(lambda _layer, inputs: seen.append(inputs[0].detach()))
    mode, shares = check_mode(configuration.mode), []
    try:
        with torch.inference_mode():
            for at in range(0, len(data.clips), _PART):
                clips = np.stack([encode(clip, mode) for clip in data.clips[at : at + _PART]])
                logits = network.eval()(torch.from_numpy(clips)) / configuration.temperature
                shares.append(torch.softmax(logits, dim=1).numpy())
    finally:
        hook.remove()
    return {
        "embeddings": torch.cat([one.flatten(1) for one in seen]).numpy().astype(np.float32),
        "probabilities": np.concatenate(shares).astype(np.float32),
        "classes": np.array(configuration.classes),
    }


def write(path: Path, arrays: Arrays) -> None:
    """Write an .npz file, or a .parquet file with a row for each clip; readable by their owner only: they show faces.

    Raises:
        MerError: If pyarrow is missing or the file cannot be written.
    """
    packed = io.BytesIO()
    if path.suffix == ".parquet":
        _write_parquet(packed, arrays)
    else:
        np.savez_compressed(packed, allow_pickle=False, **arrays)
    write_atomically(path, packed.getvalue(), private=True)


def _write_parquet(file: io.BytesIO, arrays: Arrays) -> None:
    """Write a column for each array; those of more dimensions are flat lists whose shapes stand in the metadata."""
    with needed("writing Parquet"):
        import pyarrow as pa
        import pyarrow.parquet as parquet

    rows = len(arrays["names"])
    columns, metadata = {}, {}
    for name, array in arrays.items():
        if name == "classes":
            metadata["classes"] = "\n".join(array.tolist())
            continue
        if array.ndim == 1:
            columns[name] = pa.array(array.tolist())
            continue
        flat = pa.array(np.ascontiguousarray(array).reshape(-1))
        columns[name] = pa.FixedSizeListArray.from_arrays(flat, array[0].size)
        metadata[f"shape of {name}"] = "x".join(map(str, array.shape[1:]))
    table = pa.table(columns).replace_schema_metadata({**metadata, "rows": str(rows)})
    parquet.write_table(table, file, compression="zstd")
