"""Write test/fixtures/gradients: whole-model gradients of a bottleneck adapter and a tagging head.

    python test/oracle/write_gradients.py

Plain torch with forward hooks, float64, evaluation mode, encoder frozen, on the encoders of
test/fixtures/backbones. For each case NAME.json and NAME.safetensors:

    layer.<i>.down.weight [8,H]  layer.<i>.down.bias [8]  layer.<i>.up.weight [H,8]  layer.<i>.up.bias [H]
    head.weight [5,H]  head.bias [5]
    gradient.<any of these>      the gradient of the loss

Layouts, with A(z) = up(act(down(z))), h the feed-forward output before the residual x is added:

    pfeiffer    y = LN(A(LN(h + x)) + h + x)     LN is the layer's own last LayerNorm
    houlsby     h is replaced by A(h) + h

Loss: mean cross entropy of logits = last_hidden_state @ head.weight.T + head.bias over labels other than -100.
"""

import json
import logging
import math
import warnings
from dataclasses import dataclass

import torch
from adapters import SeqBnConfig
from safetensors.torch import save_file
from torch.nn import functional

import library
import tiny

ROOT = tiny.FIXTURES / "gradients"
WIDTH = 8
ACTIVATIONS = {"gelu": functional.gelu, "tanh": torch.tanh}


@dataclass(frozen=True)
class Case:
    name: str
    family: str
    layout: str
    activation: str


CASES = [
    Case("bert", "bert", "pfeiffer", "gelu"),
    Case("roberta", "roberta", "pfeiffer", "tanh"),
    Case("xlm-roberta", "xlm-roberta", "pfeiffer", "gelu"),
    Case("minilm", "minilm", "pfeiffer", "tanh"),
    Case("distilbert", "distilbert", "pfeiffer", "gelu"),
    Case("modernbert", "modernbert", "houlsby", "gelu"),
    Case("deberta-v2", "deberta-v2", "houlsby", "tanh"),
    Case("deberta-v2-pfeiffer", "deberta-v2", "pfeiffer", "gelu"),
    Case("bert-houlsby", "bert", "houlsby", "gelu"),
]

# In each layer: the module whose output is h, and the last LayerNorm.
PLACES = {
    "bert": ("encoder.layer.{}.output.dense", "encoder.layer.{}.output.LayerNorm"),
    "distilbert": ("transformer.layer.{}.ffn", "transformer.layer.{}.output_layer_norm"),
    "modernbert": ("layers.{}.mlp", None),
}


def parameters(case: Case, layers: int, hidden: int) -> dict[str, torch.Tensor]:
    """Random adapter and head weights, float32 values in float64 tensors that ask for gradients."""
    shapes = {}
    for layer in range(layers):
        shapes[f"layer.{layer}.down.weight"] = (WIDTH, hidden)
        shapes[f"layer.{layer}.down.bias"] = (WIDTH,)
        shapes[f"layer.{layer}.up.weight"] = (hidden, WIDTH)
        shapes[f"layer.{layer}.up.bias"] = (hidden,)
    shapes |= {"head.weight": (tiny.TAGS, hidden), "head.bias": (tiny.TAGS,)}
    return {name: random_parameter(case, name, shape) for name, shape in shapes.items()}


def random_parameter(case: Case, name: str, shape: tuple[int, ...]) -> torch.Tensor:
    scale = 0.2 if len(shape) == 1 else 0.9 / math.sqrt(shape[-1])
    return tiny.draw(shape, "gradients", case.name, name, scale=scale).double().requires_grad_()


def attach(model: torch.nn.Module, case: Case, weights: dict[str, torch.Tensor], layers: int) -> None:
    """Put the adapter of every layer at its place by a forward hook."""
    dense, norm = PLACES.get(case.family, PLACES["bert"])
    for layer in range(layers):
        adapter = bottleneck(weights, layer, ACTIVATIONS[case.activation])
        if case.layout == "houlsby":
            model.get_submodule(dense.format(layer)).register_forward_hook(houlsby(adapter))
        else:
            model.get_submodule(norm.format(layer)).register_forward_hook(pfeiffer(adapter))


def bottleneck(weights: dict[str, torch.Tensor], layer: int, activation):
    down, up = (
        (weights[f"layer.{layer}.{part}.weight"], weights[f"layer.{layer}.{part}.bias"]) for part in ("down", "up")
    )
    return lambda z: functional.linear(activation(functional.linear(z, *down)), *up)


def houlsby(adapter):
    return lambda module, inputs, h: h + adapter(h)


def pfeiffer(adapter):
    """A hook on the last LayerNorm: its input is h + x, its output what the adapter reads."""

    def hook(norm, inputs, normalised):
        again = adapter(normalised) + inputs[0]
        return functional.layer_norm(again, norm.normalized_shape, norm.weight, norm.bias, norm.eps)

    return hook


def write(case: Case) -> None:
    model = tiny.build_double(case.family).requires_grad_(False)
    layers, hidden = model.config.num_hidden_layers, model.config.hidden_size
    weights = parameters(case, layers, hidden)
    attach(model, case, weights, layers)
    feeds = tiny.feeds(case.family)
    states = model(**feeds)[0]
    logits = functional.linear(states, weights["head.weight"], weights["head.bias"])
    loss = cross_entropy(logits)
    gradients = torch.autograd.grad(loss, list(weights.values()))
    stored = dict(weights) | {f"gradient.{name}": tensor for name, tensor in zip(weights, gradients, strict=True)}
    ROOT.mkdir(exist_ok=True)
    tensors = {name: tensor.detach().float().contiguous() for name, tensor in stored.items()}
    save_file(tensors, ROOT / f"{case.name}.safetensors")
    record = {
        "backbone": case.family,
        "backboneFiles": backbone_files(case.family),
        "layout": case.layout,
        "activation": case.activation,
        "width": WIDTH,
        "layers": layers,
        "hidden": hidden,
        "weights": f"{case.name}.safetensors",
        "feeds": tiny.plain(feeds),
        "labels": tiny.labels().tolist(),
        "expected": {"loss": tiny.rounded(loss, 12), "logits": tiny.rounded(logits)},
        "measured": {
            "finite_difference_rel_error": tiny.rounded(finite_difference_error(model, feeds, weights, gradients), 3),
            "max_abs_gradient": tiny.rounded(max(float(tensor.abs().max()) for tensor in gradients), 6),
        },
    }
    tiny.write_json(ROOT / f"{case.name}.json", record)
    print(f"{case.name:20} loss {float(loss):.6f}", record["measured"], flush=True)


def cross_entropy(logits: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(logits.flatten(0, 1), tiny.labels().flatten(), ignore_index=-100)


def finite_difference_error(model, feeds, weights, gradients, step: float = 1e-4) -> float:
    """The directional derivative along one random direction against a central difference."""
    directions = [tiny.draw(tensor.shape, "direction", name).double() for name, tensor in weights.items()]
    slope = float(sum((g * d).sum() for g, d in zip(gradients, directions, strict=True)))
    values = []
    with torch.no_grad():
        for sign in (1, -1):
            for tensor, direction in zip(weights.values(), directions, strict=True):
                tensor.add_(direction, alpha=sign * step)
            states = model(**feeds)[0]
            values.append(float(cross_entropy(functional.linear(states, weights["head.weight"], weights["head.bias"]))))
            for tensor, direction in zip(weights.values(), directions, strict=True):
                tensor.sub_(direction, alpha=sign * step)
    found = (values[0] - values[1]) / (2 * step)
    return abs(found - slope) / abs(slope)


def backbone_files(family: str) -> list[str]:
    """Every headless export of the family: they all have these weights."""
    manifest = json.loads((tiny.FIXTURES / "backbones" / "manifest.json").read_text())
    return [
        f"backbones/{entry['file']}"
        for entry in manifest["exports"]
        if entry["family"] == family and entry["head"] is None
    ]


def check_against_library() -> None:
    """The Pfeiffer layout is the library's: same logits from its own adapter with the same weights."""
    case = next(entry for entry in CASES if entry.name == "xlm-roberta")
    model = library.new_model(case.family)
    hidden, layers = model.config.hidden_size, model.config.num_hidden_layers
    weights = parameters(case, layers, hidden)
    model.add_adapter("task", SeqBnConfig(reduction_factor=hidden / WIDTH, non_linearity=case.activation))
    model.set_active_adapters("task")
    state = model.double().state_dict()
    for layer in range(layers):
        prefix = f"roberta.encoder.layer.{layer}.output.adapters.task"
        for theirs, ours in {"adapter_down.0": "down", "adapter_up": "up"}.items():
            for part in ("weight", "bias"):
                state[f"{prefix}.{theirs}.{part}"].copy_(weights[f"layer.{layer}.{ours}.{part}"].detach())
    with torch.no_grad():
        states = model(**tiny.feeds(case.family))[0]
        logits = functional.linear(states, weights["head.weight"], weights["head.bias"])
    stored = json.loads((ROOT / f"{case.name}.json").read_text())
    error = float((logits - torch.tensor(stored["expected"]["logits"])).abs().max())
    if error > 1e-6:
        raise AssertionError(f"the library's Pfeiffer adapter differs by {error:.1e}")


def main() -> None:
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    for case in CASES:
        write(case)
    check_against_library()


if __name__ == "__main__":
    main()
