"""Settings of a training run, from a TOML file and from options; options win."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from mer import class_map, plugins
from mer.errors import MerError, UsageError
from mer.files import from_toml
from mer.labels import CLASSES
from mer.models.registry import SYSTEMS
from mer.preprocess import CHANNELS
from mer.splits import PROTOCOLS

AS_IN_PAPER: Final = {"input": "gray", "warmup": 0}
"""Settings of the paper where ours differ: frames as they are, which it does not say otherwise, and no warm-up."""
_FIT_TOGETHER: Final = frozenset({"input", "init", "elastic", "backgrounds", "validation"})
"""Settings that another one may forbid."""


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """What decides the outcome of a training run, beside the data. Each is a key of the TOML file.

    Attributes:
        model: A key of `mer.models.registry.SYSTEMS`.
        input: gray, rgb, residual or flow. Empty becomes the system's own input, or flow if it has none: raw
            frames teach who is seen (docs/evaluation/recognition.md). The paper does not name its input.
        protocol: 5fold, loso, holdout or all.
        classes: Class names; clips of others are left out. Kept in one order, that of the logits, whatever order
            they are given in.
        map: Labels that count as another class, as "repression=negative"; applied before classes are chosen.
        epochs: Most passes over the training set.
        batch: Clips an update.
        lr: Largest learning rate of Adam. 0 becomes the system's own.
        warmup: Updates over which the rate rises to `lr`; not in the paper. Adam's first updates are
            all of full size, and tokens 15,488 numbers wide make of them jumps that leave conv2d with
            no living unit: constant predictions from the first epoch on. 0 for none.
        halve_after: Epochs without improvement after which the learning rate is halved.
        patience: Epochs without improvement after which training stops.
        validation: Whether a part of the training subjects is the validation set. Without one, training takes `epochs`
            epochs at `lr` with everybody but the test set, keeps the last weights and calibrates nothing.
        loss: "cross-entropy", or one of `mer.plugins.LOSSES`.
        oversample: Clips of each class in multiples of the most frequent one, made up by augmentation; 0 for none.
        augmentation: How these are made: "usual" as `mer.augment` does, or one of `mer.plugins.AUGMENTATIONS`.
        elastic: How strongly the encoded motion is changed at random, anew in every epoch (`mer.training.elastic`);
            not in the paper. 0 for not at all; more needs the input flow.
        backgrounds: An .npz file of clips of ordinary motion (`mer-data backgrounds`) that training clips are mixed
            with, anew in every epoch (`mer.training.backgrounds`); not in the paper. Empty for none; needs input flow.
        init: Weights to begin with: a checkpoint of the same model and input, of which the last layer is only taken
            over for the same classes; for elrcn torchvision's VGG-16 as safetensors. Empty for random ones.
        seed: Of everything drawn at random.
        max_minutes: Most minutes a fold, 0 for no limit; the best epoch so far is kept.
        plugin: Full paths of Python files that register models, datasets, losses or augmentations (`mer.plugins`).
    """

    model: str = "convlstm"
    input: str = ""
    protocol: str = "5fold"
    classes: tuple[str, ...] = CLASSES
    map: tuple[str, ...] = ()
    epochs: int = 100
    batch: int = 32
    lr: float = 0.0
    warmup: int = 100
    halve_after: int = 4
    patience: int = 12
    validation: bool = True
    loss: str = plugins.CROSS_ENTROPY
    oversample: float = 1.0
    augmentation: str = plugins.USUAL
    elastic: float = 0.0
    backgrounds: str = ""
    init: str = ""
    seed: int = 0
    max_minutes: float = 0.0
    plugin: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Fill in what depends on the system.

        Raises:
            MerError: If the model is not known, or makes its own input and another one is given, or is given
                what it has no use for.
        """
        _check_range("model", "model", self.model)
        system = SYSTEMS[self.model]
        if self.input and system.own_input not in (None, self.input):
            raise MerError(
                f"input is {self.input!r}, but {self.model} makes its own input out of {system.own_input!r}; "
                "leave input out"
            )
        if self.init and system.kind != "network":
            raise MerError(f"init is {self.init!r}, but {self.model} has no weights to begin with; leave init out")
        if self.backgrounds and (system.kind != "network" or self.model == "elrcn"):
            raise MerError(
                f"backgrounds is {self.backgrounds!r}, but {self.model} sees each clip only once, and they are "
                "mixed in anew in every epoch; leave backgrounds out"
            )
        if not self.validation and (system.kind != "network" or self.protocol == "all"):
            what = f"{self.model} chooses its C" if system.kind != "network" else "protocol 'all' reports"
            raise MerError(f"no-validation is given, but {what} on the validation set; leave no-validation out")
        object.__setattr__(self, "plugin", tuple(str(Path(file).resolve()) for file in self.plugin))
        object.__setattr__(self, "input", self.input or system.own_input or "flow")
        object.__setattr__(self, "classes", class_map.in_order(self.classes))
        object.__setattr__(self, "lr", self.lr or system.lr)
        if self.elastic > 0.0 and self.input != "flow":
            raise MerError(
                f"elastic is {self.elastic:g} with input {self.input}, and changes encoded motion; use input flow, or 0"
            )
        if self.backgrounds and self.input != "flow":
            raise MerError(f"backgrounds are given with input {self.input}, and are mixed as motion; use input flow")


def load_settings(
    path: Path | None, options: Mapping[str, Any], *, preset: Mapping[str, Any] | None = None
) -> TrainSettings:
    """Return settings from a file, overruled by options, over the defaults.

    Args:
        path: A TOML file of keys without a table, or None.
        options: Settings by name; None means not given.
        preset: Settings that stand in for the defaults, such as `AS_IN_PAPER`; an input only where the model takes it.

    Raises:
        MerError: If the file cannot be read or has a key that does not exist, or a value of the wrong
            type or range, or an input that the model does not take. All are named.
        UsageError: The same of an option.
    """
    stored = _read_toml(path) if path is not None else {}
    given = {name: value for name, value in options.items() if value is not None}
    load_plugins(path, options)
    for values, source in ((stored, f"{path}: "), (given, "--")):
        try:
            checked = _checked(values, source)
        except MerError as error:
            raise (UsageError(str(error)) if source == "--" else error) from None
        values.clear()
        values.update(checked)
    values = {**stored, **given}
    try:
        return TrainSettings(**{**_fitting(preset or {}, values.get("model", TrainSettings().model)), **values})
    except MerError as error:
        raise (UsageError(f"--{error}") if _FIT_TOGETHER & given.keys() else MerError(f"{path}: {error}")) from None


def load_plugins(path: Path | None, options: Mapping[str, Any]) -> None:
    """Load the files that settings name as `plugin`, which may register the models that other settings name.

    Args:
        path: A TOML file, or None.
        options: Settings by name.

    Raises:
        MerError: If one cannot be loaded.
    """
    stored = _read_toml(path).get("plugin", ()) if path is not None else ()
    files = _converted(f"{path}: plugin", stored, ())
    plugins.load(options.get("plugin") or files)


def _fitting(preset: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Return a preset without the input if the model makes its own."""
    return {key: value for key, value in preset.items() if key != "input" or SYSTEMS[model].own_input is None}


def load_each(
    path: Path | None, options: Mapping[str, Any], names: Sequence[str], *, preset: Mapping[str, Any] | None = None
) -> dict[str, TrainSettings]:
    """Return the settings of several systems that share protocol, classes and seed.

    The defaults of a system are overruled by the keys of a file, these by those of the system's own table in it
    (`[convlstm]`), and all by options. `input` and `init` reach only the systems that take them, unless they are in a
    table.

    Args:
        path: A TOML file, or None.
        options: Settings by name; None means not given.
        names: Keys of `mer.models.registry.SYSTEMS`.
        preset: As of `load_settings`.

    Raises:
        MerError: As `load_settings` does, or if the file has a table of no system, or one that is not the same for all.
        UsageError: The same of an option.
    """
    stored = _read_toml(path) if path is not None else {}
    tables = {name: value for name, value in stored.items() if isinstance(value, dict)}
    common = {name: value for name, value in stored.items() if name not in tables}
    if strange := [name for name in tables if name not in SYSTEMS]:
        near = difflib.get_close_matches(strange[0], SYSTEMS, n=1)
        raise MerError(
            f"{path}: [{strange[0]}] is not a model; " + (f"did you mean [{near[0]}]?" if near else _choices())
        )
    _refuse(common, ("model",), f"{path}: ")
    common = _checked(common, f"{path}: ")
    for name, table in tables.items():
        _refuse(table, ("model", "protocol", "classes", "map", "seed", "plugin"), f"{path}: [{name}] ")
        tables[name] = _checked(table, f"{path}: [{name}] ")
    given = {name: value for name, value in options.items() if value is not None}
    try:
        given = _checked(given, "--")
    except MerError as error:
        raise UsageError(str(error)) from None
    settings = {}
    for name in names:
        fits = {key for key in (*common, *given) if key != "input" or SYSTEMS[name].own_input is None}
        fits -= {"init"} if name != "elrcn" else set()
        values = _fitting(preset or {}, name) | {key: value for key, value in common.items() if key in fits}
        values |= tables.get(name, {})
        values |= {key: value for key, value in given.items() if key in fits}
        try:
            settings[name] = TrainSettings(model=name, **values)
        except MerError as error:
            raise MerError(f"{path}: [{name}] {error}") from None
    return settings


def _choices() -> str:
    return f"choose among {', '.join(SYSTEMS)}"


def _refuse(values: Mapping[str, Any], names: Sequence[str], source: str) -> None:
    if found := [name for name in names if name in values]:
        raise MerError(f"{source}{found[0]} has to be the same for all systems of a table; leave it out here")


def to_json(settings: TrainSettings) -> dict[str, Any]:
    """Return settings as JSON values, in the order they are declared."""
    names = {"plugin": [Path(file).name for file in settings.plugin]}  # a run is handed on: no full paths
    return {**asdict(settings), "classes": list(settings.classes), "map": list(settings.map), **names}


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = from_toml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MerError(f"{path} cannot be read: {error.strerror}; give a TOML file") from error
    except ValueError as error:  # decoding, and TOMLDecodeError
        raise MerError(f"{path} is not valid TOML: {error}") from error
    return values


def _checked(values: Mapping[str, Any], source: str) -> dict[str, Any]:
    defaults = {field.name: field.default for field in fields(TrainSettings)}
    checked: dict[str, Any] = {}
    for key, value in values.items():
        name = key.replace("-", "_")
        if name not in defaults:
            near = difflib.get_close_matches(name, defaults, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(defaults)}"
            raise MerError(f"{source}{key} does not exist; {hint}")
        checked[name] = _converted(
            f"{source}{name.replace('_', '-') if source == '--' else name}", value, defaults[name]
        )
        _check_range(f"{source}{name.replace('_', '-') if source == '--' else name}", name, checked[name])
    return checked


def _converted(where: str, value: Any, default: Any) -> Any:
    if isinstance(default, tuple):
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
            raise MerError(f"{where} is {value!r}; expected a list of names")
        return tuple(value)
    wanted = type(default)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, wanted) or isinstance(value, bool) != (wanted is bool):
        raise MerError(f"{where} is {value!r}; expected {wanted.__name__}")
    return value


def _check_range(where: str, name: str, value: Any) -> None:
    choices: dict[str, tuple[str, ...]] = {
        "model": tuple(SYSTEMS),
        "input": tuple(CHANNELS),
        "protocol": tuple(PROTOCOLS),
        "loss": (plugins.CROSS_ENTROPY, *plugins.LOSSES),
        "augmentation": (plugins.USUAL, *plugins.AUGMENTATIONS),
    }
    if name in choices and value not in choices[name]:
        own = "; one of your own needs --plugin FILE" if name in ("model", "loss", "augmentation") else ""
        raise MerError(f"{where} is {value!r}; choose one of {', '.join(choices[name])}{own}")
    least = {
        "epochs": 1,
        "batch": 1,
        "halve_after": 1,
        "patience": 1,
        "warmup": 0,
        "oversample": 1.0,
        "elastic": 0.0,
        "seed": 0,
        "max_minutes": 0.0,
    }
    if name in least and not value >= least[name] and not (name == "oversample" and value == 0.0):
        raise MerError(f"{where} is {value}; expected at least {least[name]}")
    if name == "lr" and not 0.0 < value < 1.0:
        raise MerError(f"{where} is {value}; expected more than 0 and less than 1")
    if name == "map":
        try:
            class_map.parse(value)
        except MerError as error:
            raise MerError(f"{where}: {error}") from None
    if name == "classes" and (len(value) < 2 or len(set(value)) != len(value)):
        raise MerError(f"{where} is {list(value)}; expected at least two different names")
