"""The networks of Table 1 that are not ours: sizes by known layers, shapes, what each looks at, training.

Large ones are built on torch's meta device, which knows shapes and has no numbers.
"""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as functional
from safetensors.torch import save_file
from torch import Tensor, nn
from toy_clips import CLASSES, toy_clips, write_toy

import engines.train
from engines.folding import fold
from mer import checkpoint, train
from mer.errors import MerError
from mer.face.geometry import CLIP_SIDE_IOD, CLIP_SIZE, EYE_LINE
from mer.models import dtscnn, elrcn, htnet, networks, registry
from mer.models.head import Attention as OurAttention
from mer.models.networks import parameter_count
from mer.models.registry import SYSTEMS
from mer.training import forward, loop
from mer.training.forward import plan_forward

COMPARED = tuple(name for name in registry.networks() if name not in registry.EXPORTED)
COMMON = ("--classes", ",".join(CLASSES), "--threads", "1", "--device", "cpu", "--protocol", "holdout")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(7)
    torch.set_num_threads(1)


def build(name: str, *, device: str = "meta", n_classes: int = 5) -> nn.Module:
    with torch.device(device):
        return networks.create(name, mode=SYSTEMS[name].own_input or "gray", n_classes=n_classes)


def clips_for(name: str, n: int = 1, *, device: str = "meta") -> Tensor:
    shape = (n, 13, 90, 90) + ((3,) if SYSTEMS[name].own_input == "flow" else ())
    return torch.zeros(shape, dtype=torch.uint8, device=device)


def dense(given: int, made: int) -> int:
    return (given + 1) * made


def conv(given: int, made: int, kernel: int) -> int:
    return (given * kernel + 1) * made


def lstm(given: int, units: int) -> int:
    """Four gates, and torch's two biases for each."""
    return 4 * units * (given + units + 2)


def test_the_table_and_the_networks_name_the_same_systems() -> None:
    assert {name for name, system in SYSTEMS.items() if system.kind == "network"} == set(registry.networks())


def test_vgg_up_to_its_second_dense_layer_is_the_papers_134_million() -> None:
    network = build("elrcn")
    vgg = parameter_count(network.get_submodule("features")) + parameter_count(network.get_submodule("classifier"))
    assert vgg == 134_260_544
    rest = lstm(4096, 3000) + dense(3000, 128) + dense(128, 5)
    assert parameter_count(network) == vgg + rest == 219_821_317


def test_elrcn_trains_all_but_the_convolutions() -> None:
    frozen = sum(p.numel() for p in build("elrcn").parameters() if not p.requires_grad)
    assert frozen == parameter_count(build("elrcn").get_submodule("features")) == 14_714_688


def test_parameters_of_dtscnn() -> None:
    maps = (3, 16, 32, 64, 128)
    stream = sum(27 * given * made + 2 * made for given, made in pairwise(maps))
    assert parameter_count(build("dtscnn")) == 2 * stream + dense(256, 5) == 585_445


def test_parameters_of_tlcnn() -> None:
    maps = (1, 96, 256, 384, 384, 256)
    frame = sum(conv(given, made, 9) for given, made in pairwise(maps))
    frame += dense(256 * 5 * 5, 4096) + dense(4096, 4096) + dense(4096, 256)
    assert parameter_count(build("tlcnn")) == frame + lstm(256, 256) + dense(256, 5) == 47_896_261


def test_parameters_of_htnet() -> None:
    def block(width: int, heads: int) -> int:
        inner = width // heads * heads
        attention = 2 * width + width * 3 * inner + dense(inner, width)
        return attention + 2 * width + dense(width, 4 * width) + dense(4 * width, width)

    levels = 2 * block(256, 3) + 2 * block(512, 6) + 10 * block(1024, 12) + 3
    joins = conv(256, 512, 9) + 2 * 512 + conv(512, 1024, 9) + 2 * 1024
    ends = dense(3 * 49, 256) + 2 * 1024 + dense(1024, 5)
    assert parameter_count(build("htnet")) == levels + joins + ends == 139_585_032


def test_the_shallow_convlstm_is_model_c_without_attention() -> None:
    convlstm = networks.create("convlstm", mode="gray", n_classes=5)
    missing = parameter_count(OurAttention(15488))
    assert parameter_count(build("shallow-convlstm")) == parameter_count(convlstm) - missing == 2_021_645


@pytest.mark.parametrize("name", COMPARED)
def test_clips_become_logits_and_all_that_is_trained_gets_a_gradient(name: str) -> None:
    network = build(name)
    logits = network(clips_for(name, 2))
    assert logits.shape == (2, 5)
    logits.sum().backward()
    assert [n for n, p in network.named_parameters() if p.requires_grad and p.grad is None] == []
    assert [n for n, p in network.named_parameters() if not p.requires_grad and p.grad is not None] == []


@pytest.mark.parametrize("name", [name for name in COMPARED if SYSTEMS[name].own_input])
def test_another_input_than_its_own_is_refused(name: str) -> None:
    with pytest.raises(MerError, match=f"{name}.* takes input"):
        networks.create(name, mode="residual", n_classes=5)


def test_the_streams_of_dtscnn_see_two_temporal_scales() -> None:
    network = build("dtscnn", device="cpu").eval()
    seen: list[tuple[int, ...]] = []
    for stream in network.get_submodule("streams").children():
        next(stream.get_submodule("layers").children()).register_forward_hook(
            lambda _module, given, _made: seen.append(tuple(given[0].shape))
        )
    with torch.no_grad():
        network(clips_for("dtscnn", device="cpu"))
    assert seen == [(1, 3, 64, 45, 45), (1, 3, 128, 45, 45)]


def test_a_stream_keeps_the_first_and_the_last_frame() -> None:
    stream = dtscnn.Stream(64)
    stream.layers = nn.Sequential()
    flow = torch.rand(1, 3, 13, 4, 4)
    stretched = stream(flow).reshape(1, 3, 64, 4, 4)
    torch.testing.assert_close(stretched[:, :, 0], flow[:, :, 0])
    torch.testing.assert_close(stretched[:, :, -1], flow[:, :, -1])


def test_parts_of_htnet_show_eyes_and_lips() -> None:
    flow = torch.zeros(1, 3, 90, 90)
    eyes_y, half = EYE_LINE * CLIP_SIZE, CLIP_SIZE / CLIP_SIDE_IOD / 2
    lips_y, lips = eyes_y + 1.1 * 2 * half, 0.4 * 2 * half
    places = ((eyes_y, 45 - half), (lips_y, 45 - lips), (eyes_y, 45 + half), (lips_y, 45 + lips))
    for number, (y, x) in enumerate(places, 1):
        flow[:, :, int(y) // 3 * 3 : int(y) // 3 * 3 + 3, int(x) // 3 * 3 : int(x) // 3 * 3 + 3] = number
    found = htnet.parts(flow)
    assert found.shape == (1, 3, 28, 28)
    for number, (row, column) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1)), 1):
        quarter = found[0, 0, 14 * row : 14 * row + 14, 14 * column : 14 * column + 14]
        assert (quarter[5:9, 5:9] == number).sum() == 1  # in its middle


def test_the_levels_of_htnet_see_16_4_and_1_tokens() -> None:
    network = build("htnet")
    shapes: list[tuple[int, ...]] = []
    for level in network.get_submodule("levels").children():
        if isinstance(level, htnet.Level):
            level.register_forward_hook(lambda _module, given, _made: shapes.append(tuple(given[0].shape)))
    network(clips_for("htnet", 2))
    assert shapes == [(2, 256, 4, 4), (2, 512, 2, 2), (2, 1024, 1, 1)]


def test_attention_of_htnet_is_attention_over_places() -> None:
    attention = htnet.Attention(12, 3)
    maps = torch.randn(2, 12, 2, 3)
    tokens = maps.flatten(2).transpose(1, 2)  # (2, 6, 12)
    qkv = tokens @ attention.qkv.weight[:, :, 0, 0].T
    q, k, v = (part.unflatten(2, (3, 4)).transpose(1, 2) for part in qkv.chunk(3, dim=2))
    mixed = (torch.softmax(q @ k.transpose(2, 3) / 2, dim=3) @ v).transpose(1, 2).flatten(2)
    expected = functional.linear(mixed, attention.out.weight[:, :, 0, 0], attention.out.bias)
    torch.testing.assert_close(attention(maps).flatten(2).transpose(1, 2), expected)


def test_htnet_looks_at_the_apex_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(htnet, "WIDTHS", (6, 12, 24))
    monkeypatch.setattr(htnet, "REPEATS", (1, 1, 1))
    network = htnet.Htnet(n_classes=3).eval()
    clip = torch.randint(100, 150, (1, 13, 90, 90, 3), dtype=torch.uint8)
    other = torch.randint(100, 150, clip.shape, dtype=torch.uint8)
    other[:, 6] = clip[:, 6]
    with torch.no_grad():
        torch.testing.assert_close(network(clip), network(other))
        assert not torch.allclose(network(clip), network(clip.roll(1, 1)))


def test_the_fast_way_through_the_shallow_convlstm_gives_the_same_answers() -> None:
    network = build("shallow-convlstm", device="cpu", n_classes=3).eval()
    clips = torch.from_numpy(toy_clips(1, 3)["clips"])
    plan = plan_forward(network, torch.device("cpu"))
    with torch.no_grad():
        exact = network(clips)
    assert float((plan.logits(clips).detach() - exact).abs().max() / exact.abs().max()) < 0.02


@pytest.mark.parametrize("name", ["dtscnn", "tlcnn"])
def test_bfloat16_in_training_gives_nearly_the_same_answers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "multiplies_bfloat16", lambda: True)
    network = build(name, device="cpu", n_classes=3).eval()
    clips = torch.randint(100, 150, (2, 13, 90, 90, 3) if name == "dtscnn" else (2, 13, 90, 90), dtype=torch.uint8)
    plan = forward.plan_forward(network, torch.device("cpu"))
    assert plan.description == "bfloat16"
    with torch.no_grad():
        exact = network(clips)
        assert float((plan.logits(clips) - exact).abs().max() / exact.abs().max()) < 0.05
    loss = plan.logits(clips).sum()
    loss.backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in network.parameters())


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy(tmp_path_factory.mktemp("toy") / "toy.npz", **toy_clips(4))


@pytest.fixture
def _tiny_vgg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elrcn, "MAPS", (4, 0, 4, 0, 4, 0, 4, 0, 4, 0))
    monkeypatch.setattr(elrcn, "FEATURES", 16)
    monkeypatch.setattr(elrcn, "UNITS", 8)


def run_it(clips: Path, out: Path, *options: str) -> int:
    return train.main(["--clips", str(clips), "--out", str(out), *COMMON, *options])


def test_a_small_network_is_trained_for_an_epoch_without_an_engine(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--model", "dtscnn", "--epochs", "1", "--oversample", "1")
    assert engines.train.main(["--clips", str(toy), "--out", str(tmp_path / "run"), *COMMON, *options]) == 0
    assert "engine: none, only conv3d, conv2d, convlstm become engines" in capsys.readouterr().out
    assert not (tmp_path / "run" / "best.onnx").exists()
    _, configuration = checkpoint.load(tmp_path / "run" / "best.safetensors")
    assert (configuration.model, configuration.mode) == ("dtscnn", "flow")
    assert configuration.training["settings"]["lr"] == 1e-3


def test_a_network_to_compare_with_cannot_be_folded_into_an_engine() -> None:
    with pytest.raises(MerError, match="'tlcnn' cannot become an engine"):
        fold(build("tlcnn"), model="tlcnn", mode="gray", temperature=1.0)


@pytest.mark.usefixtures("_tiny_vgg")
def test_frozen_layers_stay_as_they_were_given_and_the_table_says_so(toy: Path, tmp_path: Path) -> None:
    given = {name: torch.randn_like(p) for name, p in elrcn.Elrcn(n_classes=3).state_dict().items() if "feat" in name}
    save_file(given, tmp_path / "vgg16.safetensors")
    options = ("--model", "elrcn", "--init", str(tmp_path / "vgg16.safetensors"), "--epochs", "2", "--lr", "0.01")
    assert run_it(toy, tmp_path / "run", *options) == 0
    network, _ = checkpoint.load(tmp_path / "run" / "best.safetensors")
    trained = network.state_dict()
    assert all(torch.equal(trained[name], tensor) for name, tensor in given.items())
    assert "| elrcn (given VGG-16) | flow |" in (tmp_path / "run" / "table.md").read_text()


@pytest.mark.usefixtures("_tiny_vgg")
def test_only_the_best_fold_of_a_network_to_compare_with_keeps_its_weights(toy: Path, tmp_path: Path) -> None:
    assert run_it(toy, tmp_path / "run", "--model", "elrcn", "--protocol", "loso", "--epochs", "1") == 0
    results = {path.parent: json.loads(path.read_text()) for path in (tmp_path / "run").glob("*/result.json")}
    best = min(results, key=lambda folder: results[folder]["validation_loss"])
    assert len(results) == 4
    assert [folder for folder in results if (folder / "best.safetensors").exists()] == [best]
    assert (tmp_path / "run" / "best.safetensors").read_bytes() == (best / "best.safetensors").read_bytes()
    assert "| elrcn (random VGG-16) | flow |" in (tmp_path / "run" / "table.md").read_text()


def test_torchvisions_convolutions_are_taken_over() -> None:
    network = build("elrcn")
    assert isinstance(network, elrcn.Elrcn)
    network.features.to_empty(device="cpu")
    given = {f"features.{name}": torch.rand(p.shape) for name, p in network.features.state_dict().items()}
    network.take_over({**given, "classifier.6.bias": torch.zeros(1000)}, "file")
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in given.items())
    assert {"features.0.weight", "features.28.bias"} <= set(given)  # torchvision's names


def test_other_weights_than_those_of_vgg_are_named() -> None:
    network = build("elrcn")
    assert isinstance(network, elrcn.Elrcn)
    with pytest.raises(MerError, match=r"'features\.0\.weight' is missing"):
        network.take_over({}, "file")
    with pytest.raises(MerError, match=r"is \(64, 1, 3, 3\), expected \(64, 3, 3, 3\)"):
        network.take_over({"features.0.weight": torch.zeros(64, 1, 3, 3)}, "file")


@pytest.mark.usefixtures("_tiny_vgg")
def test_a_pickle_of_weights_is_refused(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "vgg16.pth")
    assert run_it(toy, tmp_path / "run", "--model", "elrcn", "--init", str(tmp_path / "vgg16.pth")) == 1
    assert "give torchvision's vgg16 as safetensors" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "code", "named"),
    [
        (("--model", "elrcn", "--init", "nowhere.safetensors"), 1, "nowhere.safetensors does not exist"),
        (
            ("--model", "tlcnn", "--init", "nowhere.safetensors"),
            1,
            "nowhere.safetensors does not exist; give a checkpoint",
        ),
        (("--model", "mdmo", "--init", "vgg16.safetensors"), 2, "mdmo has no weights to begin with"),
        (("--model", "htnet", "--input", "gray"), 2, "htnet makes its own input out of 'flow'"),
    ],
)
def test_options_that_do_not_apply_are_refused(
    options: tuple[str, ...], code: int, named: str, toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_it(toy, tmp_path / "run", *options) == code
    assert named in capsys.readouterr().err


@pytest.mark.parametrize(("every_s", "expected"), [(0.0, [1, 2]), (1e9, [])])
def test_a_large_state_is_kept_now_and_then_but_not_at_the_end(
    every_s: float, expected: list[int], monkeypatch: pytest.MonkeyPatch, toy: Path, tmp_path: Path
) -> None:
    kept: list[int] = []
    monkeypatch.setattr(loop, "QUICK_BYTES", 0)
    monkeypatch.setattr(loop, "SAVE_EVERY_S", every_s)
    save = loop.save_state

    def counting(path: Path, model: Any, optimiser: Any, history: loop.History, best: Any) -> None:
        kept.append(len(history.epochs))
        save(path, model, optimiser, history, best)

    monkeypatch.setattr(loop, "save_state", counting)
    assert run_it(toy, tmp_path / "run", "--model", "conv3d", "--input", "residual", "--epochs", "3") == 0
    assert kept == expected
