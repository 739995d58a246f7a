"""The three networks: sizes, stages, tokens, attention, and the quick way through training."""

import math
from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from mer.errors import MerError
from mer.models import networks, registry
from mer.models.conv2d import Conv2d
from mer.models.conv3d import Conv3d, split_blocks
from mer.models.convlstm import ConvLstm, ConvLstmLayer
from mer.models.head import HEAD_WIDTH, N_HEADS, Attention, MeanHead, TokenHead
from mer.models.normalise import input_layer
from mer.preprocess import FLOW_STEPS_PER_PX, STRAIN_STEPS
from mer.training import forward as fast
from mer.training.recurrence import cell_backward, cell_forward, fast_sigmoid, fast_tanh, recurrence

MODES = ("gray", "rgb", "residual", "flow")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(7)
    torch.set_num_threads(1)  # threads that wait for each other are slow on a busy machine


def clips(mode: str, n: int = 1) -> Tensor:
    rng = np.random.default_rng(3)
    shape = (n, 13, 90, 90) + ((3,) if mode in ("rgb", "flow") else ())
    return torch.from_numpy(rng.integers(100, 140, shape, dtype=np.uint8))


@pytest.mark.parametrize(
    ("name", "mode", "count"),
    [
        ("convlstm", "gray", 6_002_253),
        ("convlstm", "residual", 6_002_253),
        ("convlstm", "flow", 6_002_253 + 2 * 9 * 128),
        ("conv2d", "gray", 6_165_269),
        ("conv3d", "gray", 2_132_725),
    ],
)
def test_parameter_counts(name: str, mode: str, count: int) -> None:
    assert networks.parameter_count(networks.create(name, mode=mode, n_classes=5)) == count


@pytest.mark.parametrize(("name", "mode"), list(product(registry.EXPORTED, MODES)))
def test_logits_of_every_model_and_mode(name: str, mode: str) -> None:
    network = networks.create(name, mode=mode, n_classes=4).eval()
    with torch.no_grad():
        logits = network(clips(mode, 2))
    assert logits.shape == (2, 4)
    assert logits.dtype == torch.float32
    assert torch.isfinite(logits).all()


def test_floats_of_the_same_values_give_the_same_logits() -> None:
    network = networks.create("conv2d", mode="flow", n_classes=3).eval()
    given = clips("flow")
    assert torch.equal(network(given), network(given.double()))


def test_stages_of_conv3d() -> None:
    network = Conv3d(mode="gray", n_classes=5)
    blocks = split_blocks(network.normalise(clips("gray", 2)))
    assert blocks.shape == (18, 1, 13, 30, 30)
    assert network.conv(blocks).shape == (18, 8, 9, 26, 26)
    assert network.pool(network.conv(blocks)).shape == (18, 8, 4, 13, 13)
    assert network.tokens(clips("gray", 2)).shape == (2, 9, 5408)


def test_blocks_are_in_reading_order() -> None:
    frames = torch.arange(90 * 90).float().reshape(1, 1, 1, 90, 90).expand(1, 13, 1, 90, 90)
    corners = split_blocks(frames)[:, 0, 0, 0, 0]
    assert corners.tolist() == [90 * 30 * row + 30 * column for row in range(3) for column in range(3)]


def test_stages_of_conv2d() -> None:
    network = Conv2d(mode="rgb", n_classes=5)
    frames = network.normalise(clips("rgb", 2))
    assert frames.shape == (2, 13, 3, 90, 90)
    assert network.conv(frames[:, 0]).shape == (2, 8, 88, 88)
    assert network.tokens(clips("rgb", 2)).shape == (2, 13, 15488)


def test_stages_of_convlstm() -> None:
    network = ConvLstm(mode="gray", n_classes=5)
    states = network.lstm(network.normalise(clips("gray", 2)))
    assert [state.shape for state in states] == [(2, 32, 88, 88)] * 13
    assert network.reduce(network.pool(states[0])).shape == (2, 8, 44, 44)
    assert network.tokens(clips("gray", 2)).shape == (2, 13, 15488)


def test_convlstm_is_the_textbook_recurrence() -> None:
    layer = ConvLstmLayer(1)
    frames = torch.randn(1, 3, 1, 90, 90)
    h, c = torch.zeros(1, 32, 88, 88), torch.zeros(1, 32, 88, 88)
    with torch.no_grad():
        for t, state in enumerate(layer(frames)):
            gates = layer.input_conv(frames[:, t]) + layer.state_conv(h)
            i, f, o, g = gates[:, :32], gates[:, 32:64], gates[:, 64:96], gates[:, 96:]
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            torch.testing.assert_close(state, h)


def test_forget_gates_start_open() -> None:
    network = networks.create("convlstm", mode="gray", n_classes=5)
    bias = network.get_parameter("lstm.input_conv.bias")
    assert bias.tolist() == [0.0] * 32 + [1.0] * 32 + [0.0] * 64


@pytest.mark.parametrize("name", registry.EXPORTED)
def test_gradients_reach_every_parameter(name: str) -> None:
    network = networks.create(name, mode="gray", n_classes=5).eval()
    functional.cross_entropy(network(clips("gray", 2)), torch.tensor([0, 1])).backward()
    still = [key for key, p in network.named_parameters() if p.grad is None or not bool((p.grad != 0).any())]
    assert still == []


def test_attention_is_that_of_torch() -> None:
    attention = Attention(40)
    tokens = torch.randn(2, 13, 40)
    q, k, v = (
        layer(tokens).reshape(2, 13, N_HEADS, HEAD_WIDTH).transpose(1, 2)
        for layer in (attention.query, attention.key, attention.value)
    )
    mixed = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(2, 13, 64)
    torch.testing.assert_close(attention(tokens), attention.out(mixed))


@pytest.mark.parametrize("token", [6, 12])
def test_one_query_gives_what_all_queries_give(token: int) -> None:
    head = TokenHead(40, token=token, n_classes=5).eval()
    tokens = torch.randn(2, 13, 40)
    torch.testing.assert_close(head(tokens), head.classifier(head.attention(tokens)[:, token]))


def test_the_mean_before_the_projection_is_the_mean_after() -> None:
    head = MeanHead(40, n_classes=5).eval()
    tokens = torch.randn(2, 9, 40)
    torch.testing.assert_close(head(tokens), head.classifier(head.attention(tokens).mean(1)))


@pytest.mark.parametrize(("name", "token"), [("conv2d", 6), ("convlstm", 12)])
def test_only_one_token_asks(name: str, token: int) -> None:
    head = networks.create(name, mode="gray", n_classes=5).eval().get_submodule("head")
    tokens = torch.randn(1, 13, 15488, requires_grad=True)
    asked: list[Tensor] = []
    query = head.get_submodule("attention.query")
    query.register_forward_hook(lambda _module, given, _answer: asked.append(given[0]))
    head(tokens)
    assert len(asked) == 1
    torch.testing.assert_close(asked[0][:, 0], tokens[:, token])


def test_mean_of_conv3d_does_not_depend_on_the_order_of_blocks() -> None:
    head = networks.create("conv3d", mode="gray", n_classes=5).eval().get_submodule("head")
    tokens = torch.randn(1, 9, 5408)
    torch.testing.assert_close(head(tokens), head(tokens[:, torch.randperm(9)]))


def test_places_matter_where_the_paper_embeds_them() -> None:
    embedded = [
        name
        for name in registry.EXPORTED
        if any(
            key.startswith("position") for key, _ in networks.create(name, mode="gray", n_classes=5).named_parameters()
        )
    ]
    assert embedded == ["conv3d", "conv2d"]


def test_dropout_works_in_training_only() -> None:
    network = networks.create("conv3d", mode="gray", n_classes=5)
    given = clips("gray")
    assert not torch.equal(network(given), network(given))
    network.eval()
    assert torch.equal(network(given), network(given))


def test_gray_goes_from_minus_one_to_one() -> None:
    ends = torch.tensor([0, 255], dtype=torch.uint8).reshape(1, 2, 1, 1)
    assert input_layer("gray")(ends).flatten().tolist() == [-1.0, 1.0]


def test_residual_forgets_the_onset_frame() -> None:
    given = clips("residual")
    frames = input_layer("residual")(given)
    assert not frames[:, 0].any()
    torch.testing.assert_close(frames, input_layer("residual")(given.float() + 20.0))


def test_flow_is_decoded_to_pixels() -> None:
    coded = torch.zeros(1, 13, 90, 90, 3)
    coded[..., 0], coded[..., 1], coded[..., 2] = (
        128 + FLOW_STEPS_PER_PX,
        128 - 2 * FLOW_STEPS_PER_PX,
        0.05 * STRAIN_STEPS,
    )
    frames = input_layer("flow")(coded)
    assert frames.shape == (1, 13, 3, 90, 90)
    assert frames[0, 0, :, 0, 0].tolist() == [1.0, -2.0, 1.0]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"name": "resnet", "mode": "gray", "n_classes": 5}, "convlstm"),
        ({"name": "conv2d", "mode": "thermal", "n_classes": 5}, "residual"),
        ({"name": "conv2d", "mode": "gray", "n_classes": 1}, "at least 2"),
    ],
)
def test_what_cannot_be_created_is_refused(given: dict[str, object], named: str) -> None:
    with pytest.raises(MerError, match=named):
        networks.create(**given)  # type: ignore[arg-type]


def test_quick_tanh_and_sigmoid_stay_close() -> None:
    x = torch.linspace(-30, 30, 100_001)
    assert float((fast_tanh(x) - x.tanh()).abs().max()) < 1e-4
    assert float((fast_sigmoid(x) - x.sigmoid()).abs().max()) < 5e-5
    assert float(fast_tanh(x).abs().max()) <= 1.0


def gradients(network: nn.Module, logits: Tensor) -> dict[str, Tensor]:
    network.zero_grad()
    functional.cross_entropy(logits, torch.arange(len(logits))).backward()
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("mode", ["residual", "flow"])
def test_own_backward_pass_gives_the_gradients_of_autograd(mode: str) -> None:
    network = networks.create("convlstm", mode=mode, n_classes=5).eval()
    assert isinstance(network, ConvLstm)
    given = clips(mode, 3)
    wanted = gradients(network, network(given))
    run = recurrence(cell_forward, cell_backward, torch.float32, threads=2)
    states = run.states(network.lstm, network.normalise(given))
    tokens = network.token(states).unflatten(0, (-1, 3)).transpose(0, 1)
    found = gradients(network, network.head(tokens))
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        if name.endswith("key.bias"):  # zero but for rounding: softmax ignores what all keys share
            continue
        assert float((found[name] - gradient).norm() / gradient.norm()) < 1e-3, name


def test_own_backward_pass_gives_the_same_for_any_number_of_threads() -> None:
    network = networks.create("convlstm", mode="gray", n_classes=5).eval()
    assert isinstance(network, ConvLstm)
    frames = network.normalise(clips("gray", 3))
    found = []
    for threads in (1, 3):
        network.zero_grad()
        run = recurrence(cell_forward, cell_backward, torch.float32, threads=threads)
        run.states(network.lstm, frames).square().sum().backward()
        found.append(network.get_parameter("lstm.state_conv.weight").grad)
    one, three = found
    assert one is not None
    assert three is not None
    assert torch.equal(one, three)


def test_training_goes_on_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(torch, "compile", lambda *_, **__: broken)
    network = networks.create("convlstm", mode="gray", n_classes=5).eval()
    plan = fast.plan_forward(network, torch.device("cpu"))
    assert "not compiled" in plan.description
    assert "no C++ compiler" in plan.description
    given = clips("gray", 2)
    with torch.no_grad():
        assert float((plan.logits(given) - network(given)).abs().max()) < 0.02


def test_on_a_gpu_training_goes_on_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the processor in its place."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("Cannot find a working triton installation")

    monkeypatch.setattr(torch, "compile", lambda *_, **__: broken)
    network = torch.nn.Linear(3, 2)
    plan = fast._on_gpu(network, torch.device("cpu"))
    assert "working triton installation" in plan.description
    given = torch.ones(4, 3)
    assert torch.allclose(plan.logits(given), network(given), atol=0.02)


def test_on_a_gpu_networks_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the processor in its place."""
    compiled: list[object] = []

    def noted(work: object) -> object:
        compiled.append(work)
        return work

    monkeypatch.setattr(torch, "compile", noted)
    network = torch.nn.Linear(3, 2)
    plan = fast._on_gpu(network, torch.device("cpu"))
    assert plan.description.startswith("torch.compile, bfloat16")
    assert network in compiled
    assert plan.logits(torch.ones(4, 3)).dtype == torch.float32


def test_an_error_in_a_thread_reaches_the_caller() -> None:
    run = recurrence(cell_forward, cell_backward, torch.float32, threads=2)

    def work(clip: int, slot: int) -> None:
        raise ValueError(f"clip {clip}")

    with pytest.raises(ValueError, match="clip"):
        run.each_clip(work, 4)


def test_small_models_run_as_they_are() -> None:
    network = networks.create("conv3d", mode="gray", n_classes=5)
    assert fast.plan_forward(network, torch.device("cpu")).logits is network


def test_initial_loss_is_that_of_guessing() -> None:
    network = networks.create("convlstm", mode="residual", n_classes=5).eval()
    with torch.no_grad():
        loss = functional.cross_entropy(network(clips("residual", 2)), torch.tensor([0, 1]))
    assert float(loss) == pytest.approx(math.log(5), abs=0.3)


def test_a_system_of_ones_own_can_be_added_once_and_no_other_under_its_name() -> None:
    with pytest.raises(ValueError, match="another system named 'conv3d' exists"):
        registry.register("conv3d", registry.System("network", "somewhere:Else"))
    registry.register("conv3d", registry.SYSTEMS["conv3d"])
    with pytest.raises(ValueError, match="cannot be a name"):
        registry.register("My Model", registry.System("network", "somewhere:Else"))
