"""The real `adapters` library on the tiny encoders: models, random modules, and its three repaired defects."""

import math

import adapters
import adapters.composition as blocks
import torch
from adapters.methods.bottleneck import BottleneckLayer, BottleneckState
from adapters.methods.modeling import GLOWCouplingBlock

import tiny

MODELS = {
    "bert": adapters.BertAdapterModel,
    "xlm-roberta": adapters.XLMRobertaAdapterModel,
    "roberta": adapters.RobertaAdapterModel,
    "distilbert": adapters.DistilBertAdapterModel,
}
# Where the parts of the flexible head "default" stand in the masked-LM model of transformers.
MASKED_LM_PARTS = {
    "bert": ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.bias"),
    "xlm-roberta": ("lm_head.dense", "lm_head.layer_norm", "lm_head.bias"),
}


def new_model(family: str) -> torch.nn.Module:
    """The library's flexible model over the weights of tiny.build(family), evaluation mode, no adapters, no head."""
    config = tiny.CONFIGS[family]()
    config._attn_implementation = "eager"
    config.name_or_path = f"tiny/{family}"
    model = MODELS[family](config)
    tiny.randomize(model.base_model)
    return model.eval()


def add_default_head(model: torch.nn.Module, family: str) -> None:
    """Give the model the masked-LM head of the -mlm exports under the library's name for it, "default"."""
    dense, norm, bias = MASKED_LM_PARTS[family]
    source = tiny.build(family, head=True).state_dict()
    model.add_masked_lm_head("default")
    head = model.heads["default"]
    with torch.no_grad():
        for target, prefix in ((head[0], dense), (head[2], norm)):
            target.weight.copy_(source[f"{prefix}.weight"])
            target.bias.copy_(source[f"{prefix}.bias"])
        head[3].bias.copy_(source[bias])
    model.tie_weights()


def randomize_added(model: torch.nn.Module, known: set[str], *stream: object) -> None:
    """Redraw every parameter that is not in `known`: no adapter starts as the identity, no bias is zero."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in known or name.startswith("heads.default."):
                continue
            if name.endswith("bias"):
                values = tiny.draw(parameter.shape, *stream, name, scale=0.2)
            elif parameter.dim() == 1:
                values = 1 + tiny.draw(parameter.shape, *stream, name, scale=0.2)
            else:
                values = tiny.draw(parameter.shape, *stream, name, scale=0.9 / math.sqrt(parameter.shape[-1]))
            parameter.copy_(values)


def composition_json(block) -> object:
    """A composition block of the library in the nested form of case.json."""
    if block is None or isinstance(block, str):
        return block
    children = [composition_json(child) for child in block.children]
    if isinstance(block, blocks.Stack):
        return {"stack": children}
    if isinstance(block, blocks.Fuse):
        return {"fuse": children}
    if isinstance(block, blocks.Average):
        return {"average": children, "weights": list(block.weights)}
    if isinstance(block, blocks.BatchSplit):
        return {"batchSplit": children, "batchSizes": list(block.batch_sizes)}
    if isinstance(block, blocks.Split):
        return {"split": children, "splits": list(block.splits)}
    if isinstance(block, blocks.Parallel):
        return {"parallel": children}
    raise TypeError(f"no form in case.json for {block}")


def repair() -> None:
    """Replace what the library gets wrong: Average divides by N twice, GLOW never calls its second network."""
    BottleneckLayer.mean = _weighted_mean
    GLOWCouplingBlock.forward = _glow


def _weighted_mean(self, states: list[BottleneckState], weights: torch.Tensor) -> BottleneckState:
    stacked = torch.stack([state.hidden_states for state in states], 0)
    return states[0]._replace(hidden_states=(stacked * weights).sum(0), last=states[-1].last)


def _glow(self, x: torch.Tensor, c=(), rev: bool = False) -> torch.Tensor:
    """The affine coupling of Glow (Kingma and Dhariwal 2018) on the last axis, scales softly clamped by `e`."""
    first, second = x[..., : self.split_len1], x[..., self.split_len1 :]
    if rev:
        scale, shift = self.s1(first).split(self.split_len2, -1)
        second = (second - shift) / self.e(scale)
        scale, shift = self.s2(second).split(self.split_len1, -1)
        first = (first - shift) / self.e(scale)
    else:
        scale, shift = self.s2(second).split(self.split_len1, -1)
        first = self.e(scale) * first + shift
        scale, shift = self.s1(first).split(self.split_len2, -1)
        second = self.e(scale) * second + shift
    return torch.cat([first, second], -1)
