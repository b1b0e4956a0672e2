"""Write the gradient cases of test/fixtures/madx: what the real library's modules learn from one batch.

    python test/oracle/write_madx_gradients.py

Float64 run stored as float32, evaluation mode, encoder frozen; loss is the mean cross entropy over labels
other than -100; grads.safetensors holds the gradients under the library's own parameter names.
"""

import dataclasses
import logging
import warnings
from dataclasses import dataclass

import torch
from adapters import AdapterPlusConfig, DoubleSeqBnConfig, LoRAConfig, ParBnConfig, SeqBnConfig
from adapters.composition import Fuse, Stack
from safetensors.torch import save_file
from torch.nn import functional

import library
import tiny
import write_madx
from write_madx import GLOW, LANGUAGE, LANGUAGE_2, Case

TASK = SeqBnConfig(reduction_factor=4, non_linearity="gelu")
NORMED = dataclasses.replace(TASK, ln_before=True, ln_after=True, use_gating=True, scaling="learned")
EVERYWHERE = LoRAConfig(r=4, alpha=8, attn_matrices=["q", "k", "v"], intermediate_lora=True, output_lora=True)
MASKED = torch.tensor([[-100, 84, -100, -100, 45, -100, -100], [-100, -100, 92, -100, -100, -100, -100]])


@dataclass
class Training:
    """A case and what it trains beside its tagging head: {"adapters": [name, …]} or {"fusion": name}."""

    case: Case
    train: dict


def trainings() -> list[Training]:
    pair = Stack("lang", "task")
    fuse = Stack("lang", Fuse("a", "task"))
    fused = {"lang": LANGUAGE, "a": TASK, "task": TASK}
    houlsby = DoubleSeqBnConfig(reduction_factor=4)
    parallel = ParBnConfig(reduction_factor=4, scaling="learned", non_linearity="gelu")
    plus = AdapterPlusConfig(reduction_factor=4, stochastic_depth=0.0)
    found = [
        (tagging("madx-xlmr", "xlm-roberta", {"lang": LANGUAGE_2, "task": TASK}, pair), {"adapters": ["task"]}),
        (tagging("madx-both-bert", "bert", {"lang": LANGUAGE, "task": TASK}, pair), {"adapters": ["lang", "task"]}),
        (tagging("double-seq-bn-bert", "bert", {"task": houlsby}, Stack("task")), {"adapters": ["task"]}),
        (tagging("scaled-par-bn-xlmr", "xlm-roberta", {"task": parallel}, Stack("task")), {"adapters": ["task"]}),
        (tagging("adapter-plus-distilbert", "distilbert", {"task": plus}, Stack("task")), {"adapters": ["task"]}),
        (tagging("norms-and-gate-xlmr", "xlm-roberta", {"task": NORMED}, Stack("task")), {"adapters": ["task"]}),
        (tagging("lora-everywhere-bert", "bert", {"task": EVERYWHERE}, Stack("task")), {"adapters": ["task"]}),
        (Case("grad-fusion-xlmr", "xlm-roberta", fused, fuse, fusion="dynamic", head="tagging"), {"fusion": "a,task"}),
        (
            Case("grad-mlm-nice-xlmr", "xlm-roberta", {"lang": LANGUAGE}, Stack("lang"), head="default"),
            {"adapters": ["lang"]},
        ),
        (
            Case("grad-mlm-glow-xlmr", "xlm-roberta", {"lang": GLOW}, Stack("lang"), head="default"),
            {"adapters": ["lang"]},
        ),
    ]
    return [Training(case, train) for case, train in found]


def tagging(name: str, family: str, adapters: dict, composition) -> Case:
    return Case(f"grad-{name}", family, adapters, composition, head="tagging")


def write(training: Training) -> None:
    case = training.case
    folder = write_madx.new_folder(case)
    model = write_madx.prepare(case)
    write_madx.save(model, case, folder)
    write_madx.check_reload(case, folder, write_madx.run(model, case))
    labels = MASKED if case.head == "default" else tiny.labels()
    expected = write_madx.run(model.double(), case)
    parameters = trained_parameters(model, training)
    loss = loss_of(model, case, labels)
    gradients = torch.autograd.grad(loss, list(parameters.values()))
    stored = {name: tensor.float().contiguous() for name, tensor in zip(parameters, gradients, strict=True)}
    save_file(stored, folder / "grads.safetensors")
    measured = {
        "finite_difference_rel_error": finite_difference_error(model, case, labels, parameters, gradients),
        "max_abs_gradient": max(float(tensor.abs().max()) for tensor in gradients),
    }
    record = write_madx.described(
        case, {name: tensor for name, tensor in expected.items() if name == "logits"}, measured
    )
    record |= {"kind": "gradient", "train": training.train, "labels": {"labels": labels.tolist()}}
    record["expected"] |= {"loss": tiny.rounded(loss, 12), "gradients": "grads.safetensors"}
    tiny.write_json(folder / "case.json", record)
    print(
        f"{case.id:30} loss {float(loss):.6f}", *(f"{name} {value:.1e}" for name, value in measured.items()), flush=True
    )


def trained_parameters(model: torch.nn.Module, training: Training) -> dict[str, torch.nn.Parameter]:
    """Parameters of the trained modules and of the tagging head, by the library's names."""
    model.requires_grad_(False)
    modules = training.train.get("adapters") or [training.train["fusion"]]
    wanted = [f".{name}." for name in modules]
    if training.case.head == "tagging":
        wanted += [f"heads.{name}." for name in write_madx.heads(training.case)]
    found = {name: tensor for name, tensor in model.named_parameters() if any(part in name for part in wanted)}
    for tensor in found.values():
        tensor.requires_grad_(True)
    return found


def loss_of(model: torch.nn.Module, case: Case, labels: torch.Tensor) -> torch.Tensor:
    model.set_active_adapters(case.composition)
    head = "default" if case.head == "default" else write_madx.heads(case)[0]
    logits = model(**tiny.feeds(case.family), head=head).logits
    return functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)


def finite_difference_error(model, case, labels, parameters, gradients, step: float = 1e-5) -> float:
    """The directional derivative along one random direction against a central difference."""
    directions = [tiny.draw(tensor.shape, "direction", name).double() for name, tensor in parameters.items()]
    slope = float(sum((g * d).sum() for g, d in zip(gradients, directions, strict=True)))
    values = []
    for shift in (step, -2 * step):
        with torch.no_grad():
            for tensor, direction in zip(parameters.values(), directions, strict=True):
                tensor.add_(direction, alpha=shift)
        values.append(float(loss_of(model, case, labels)))
    return abs((values[0] - values[1]) / (2 * step) - slope) / abs(slope)


def main() -> None:
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    library.repair()
    write_madx.check_backbones()
    for training in trainings():
        write(training)


if __name__ == "__main__":
    main()
