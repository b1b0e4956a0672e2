"""Tiny random encoders of every supported family, and the numbers the fixtures are written with.

Weights are drawn from one stream per parameter name, so that a family has the same
weights in every export, with or without a head, in every script of this folder.
"""

import json
import math
import zlib
from pathlib import Path

import torch
import transformers as hf

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
SEED = 20240917
TAGS = 5

torch.set_num_threads(1)

SIZE = dict(
    vocab_size=120,
    hidden_size=24,
    num_hidden_layers=3,
    num_attention_heads=4,
    intermediate_size=48,
    max_position_embeddings=40,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)
# The RoBERTa types count positions from pad_token_id + 1: 40 positions need 42 rows.
ROBERTA = SIZE | dict(max_position_embeddings=42, type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2)

CONFIGS = {
    "bert": lambda: hf.BertConfig(**SIZE),
    "roberta": lambda: hf.RobertaConfig(**ROBERTA),
    "xlm-roberta": lambda: hf.XLMRobertaConfig(**ROBERTA),
    "minilm": lambda: hf.BertConfig(**SIZE | dict(hidden_size=16, intermediate_size=64)),
    "distilbert": lambda: hf.DistilBertConfig(
        vocab_size=120,
        dim=24,
        n_layers=3,
        n_heads=4,
        hidden_dim=48,
        max_position_embeddings=40,
        dropout=0.0,
        attention_dropout=0.0,
    ),
    # Layer 0 attends globally and has no attention norm; layers 1 and 2 attend to two neighbours a side.
    "modernbert": lambda: hf.ModernBertConfig(
        vocab_size=120,
        hidden_size=24,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=40,
        global_attn_every_n_layers=3,
        local_attention=4,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
        cls_token_id=2,
        sep_token_id=3,
        embedding_dropout=0.0,
        mlp_dropout=0.0,
        attention_dropout=0.0,
        reference_compile=False,
    ),
    # The settings of DeBERTa-v3; eight buckets, so that seven tokens already reach the logarithmic ones.
    "deberta-v2": lambda: hf.DebertaV2Config(
        **SIZE,
        type_vocab_size=0,
        relative_attention=True,
        max_relative_positions=-1,
        position_buckets=8,
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        norm_rel_ebd="layer_norm",
        position_biased_input=False,
        layer_norm_eps=1e-7,
    ),
}

MASKED_LM = {
    "bert": hf.BertForMaskedLM,
    "xlm-roberta": hf.XLMRobertaForMaskedLM,
    "distilbert": hf.DistilBertForMaskedLM,
}


def stream(*names: object) -> torch.Generator:
    """A random stream of its own for these names."""
    return torch.Generator().manual_seed(zlib.crc32(repr((SEED, *names)).encode()))


def draw(shape, *names: object, scale: float = 1.0) -> torch.Tensor:
    """Normal numbers, float32, from the stream of these names."""
    return torch.randn(tuple(shape), generator=stream(*names)) * scale


def randomize(module: torch.nn.Module, base_prefix: str = "") -> None:
    """Redraw every parameter by its name, so that no bias is zero and no LayerNorm is the identity."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            short = name.removeprefix(f"{base_prefix}.") if base_prefix else name
            parameter.copy_(_random_parameter(short, parameter))


def _random_parameter(name: str, parameter: torch.Tensor) -> torch.Tensor:
    if name.endswith("bias"):
        return draw(parameter.shape, name, scale=0.2)
    if parameter.dim() == 1:
        return 1 + draw(parameter.shape, name, scale=0.2)
    if "embedding" in name:
        return draw(parameter.shape, name, scale=0.6)
    return draw(parameter.shape, name, scale=1.2 / math.sqrt(parameter.shape[-1]))


def build(family: str, attention: str = "eager", head: bool = False) -> torch.nn.Module:
    """A tiny encoder in evaluation mode, float32; `head` adds the masked-LM head."""
    config = CONFIGS[family]()
    config._attn_implementation = attention
    if head:
        model = MASKED_LM[family](config)
        randomize(model, model.base_model_prefix)
    else:
        model = hf.AutoModel.from_config(config, attn_implementation=attention, **_without_pooler(family))
        randomize(model)
    return model.eval()


def build_double(family: str, head: bool = False) -> torch.nn.Module:
    """The same encoder in float64. ModernBERT's eager attention falls back to float32 in its softmax; sdpa does not."""
    return build(family, "sdpa" if family == "modernbert" else "eager", head).double()


def _without_pooler(family: str) -> dict:
    return {"add_pooling_layer": False} if family in ("bert", "minilm", "roberta", "xlm-roberta") else {}


def feeds(family: str) -> dict[str, torch.Tensor]:
    """Two rows of seven tokens, the second with three of padding."""
    pad = CONFIGS[family]().pad_token_id or 0
    ids = torch.tensor([[2, 84, 17, 110, 45, 67, 3], [2, 20, 92, 3, pad, pad, pad]])
    mask = torch.tensor([[1] * 7, [1] * 4 + [0] * 3])
    found = {"input_ids": ids, "attention_mask": mask}
    if family in ("bert", "minilm"):
        found["token_type_ids"] = torch.tensor([[0, 0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 0, 0, 0]])
    return found


def labels() -> torch.Tensor:
    """Tags for `feeds`; -100 where no loss is taken (the first token and the padding)."""
    return torch.tensor([[-100, 3, 0, 4, 1, 2, 0], [-100, 2, 1, 4, -100, -100, -100]])


def rounded(value, digits: int = 9):
    """Nested numbers of a tensor with so many significant digits, integers untouched."""
    if isinstance(value, torch.Tensor):
        value = value.detach().tolist()
    if isinstance(value, (list, tuple)):
        return [rounded(entry, digits) for entry in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def plain(tensors: dict[str, torch.Tensor], digits: int = 9) -> dict:
    return {name: rounded(tensor, digits) for name, tensor in tensors.items()}


def write_json(path: Path, value: object, indent: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    separators = (",", ":") if indent is None else None
    path.write_text(json.dumps(value, indent=indent, separators=separators, ensure_ascii=False) + "\n")


def versions() -> dict[str, str]:
    """Versions of the libraries that made the numbers."""
    from importlib.metadata import version

    names = ("torch", "transformers", "adapters", "onnx", "onnxruntime", "onnxscript", "safetensors")
    return {name: version(name) for name in names}
