"""`mer-data`: the commands of `mer.data.cli`, and the export of clips, which can show them to a network."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import mer.data.cli
from mer import class_map, missing, option_help, options, plugins
from mer.cli import command
from mer.data.parts import parts_from
from mer.errors import MerError, UsageError
from mer.missing import needed
from mer.terminal import open_console

SHIPPED: Final = "shipped"
CONTENTS: Final = ("clips", "flow", "embeddings")
"""What can be written beside names and labels."""
SUFFIXES: Final = (".npz", ".parquet")


@command("mer-data")
def main(argv: Sequence[str] | None = None) -> int:
    """Run `mer-data`; return the exit code."""
    parser, commands = mer.data.cli.parser()
    add_export(commands)
    given = parser.parse_args(argv)
    given.run(given)
    return 0


def add_export(commands: Any) -> None:
    """Add the subcommand `export` to an argparse group of subcommands."""
    parser = commands.add_parser(
        "export",
        help="write clips, flow and embeddings by clip name",
        description="Cut the clips of datasets as training does, and write them with dataset, subject, name and label "
        "for other programs: the 13 frames, their flow, what a network makes of them. The file shows faces.",
        examples=(
            "mer-data export --dataset casme2=/data/CASME2 --out casme2.npz",
            "mer-data export --dataset manifest=clips.csv --contents embeddings --weights shipped --out clips.parquet",
        ),
    )
    data = parser.add_argument_group("data")
    options.add_datasets(data)
    data.add_argument("--clips", type=Path, metavar="NPZ", help=option_help.CLIPS)
    data.add_argument("--cache", type=Path, metavar="NPZ", help=option_help.CACHE)
    options.add_plugin(data)
    output = parser.add_argument_group("output")
    output.add_argument(
        "--contents",
        type=options.names,
        default=("clips",),
        metavar="A,B,...",
        help=f"what to write beside names and labels: {', '.join(CONTENTS)}, separated by commas (default: clips)",
    )
    output.add_argument(
        "--weights",
        action="append",
        default=[],
        metavar="FILE",
        help="'shipped', or a .safetensors or .onnx file; may be repeated",
    )
    output.add_argument("--out", required=True, type=Path, metavar="FILE", help=option_help.OUT)
    processing = parser.add_argument_group("processing")
    processing.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, metavar="N", help=f"{option_help.THREADS} (default: all)"
    )
    parser.set_defaults(run=export)


def export(given: argparse.Namespace) -> None:
    """Do what the options of `mer-data export` say.

    Raises:
        MerError: If something given cannot be used.
    """
    _check(given)
    missing.check("mer-data export", *missing.TRAINING)
    plugins.load(given.plugin or ())
    # Late: torch takes seconds to import, and wrong options need not wait for it.
    from mer.training import export as writing
    from mer.training.counting import counted

    console = open_console(stderr=True)
    network = _network(given.weights[0]) if given.weights else None
    data = _read(given, colour=network is not None and network[1].mode == "rgb")
    arrays = writing.described(data)
    if "clips" in given.contents:
        arrays["clips"] = data.clips
    if "flow" in given.contents:
        with counted(console, "flow") as progress:
            arrays |= writing.flow_of(data, progress=progress)
    if network is not None:
        arrays |= writing.embeddings_of(data, *network)
    writing.write(given.out, arrays)
    people = len(set(data.subjects.tolist()))
    console.print(f"{len(data.labels)} clips of {people} subjects in {given.out}: {', '.join(arrays)}", highlight=False)


def _check(given: argparse.Namespace) -> None:
    if strange := [name for name in given.contents if name not in CONTENTS]:
        raise UsageError(f"--contents: {strange[0]!r} is not known; choose among {', '.join(CONTENTS)}")
    if given.out.suffix not in SUFFIXES:
        raise UsageError(f"--out {given.out} is neither .npz nor .parquet; give a name that ends in one of them")
    if ("embeddings" in given.contents) != bool(given.weights) or len(given.weights) > 1:
        raise UsageError("--contents embeddings and one --weights go together; give both")
    if bool(given.clips) == bool(given.dataset):
        raise UsageError("give either --dataset NAME=PATH (once or more) or --clips FILE.npz")


def _read(given: argparse.Namespace, *, colour: bool) -> Any:
    from mer.training.counting import counted
    from mer.training.data import read_npz, read_samples

    try:
        mapping = class_map.parse(given.map or ())
    except MerError as error:
        raise UsageError(f"--map: {error}") from None
    if given.clips is not None:
        return read_npz(given.clips)
    console = open_console(stderr=True)
    with counted(console, "cutting clips") as progress:
        return read_samples(
            parts_from(given.dataset, given.root),
            cache=given.cache,
            jobs=given.threads,
            listed=given.list is not None,
            labels=given.labels,
            mapping=mapping,
            colour=colour,
            progress=progress,
            remark=console.print,
        )


def _network(weights: str) -> Any:
    """Return a network and its configuration.

    Raises:
        MerError: If the file is not a checkpoint: an ONNX file does not show its layers.
    """
    with needed("--weights"):
        from engines.train import shipped_network
        from mer import checkpoint
    if weights == SHIPPED:
        return shipped_network()
    if Path(weights).suffix != ".safetensors":
        raise MerError(
            f"--weights {weights}: embeddings need 'shipped' or a .safetensors checkpoint; give one of these"
        )
    return checkpoint.load(Path(weights))
