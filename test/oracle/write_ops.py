"""Write test/fixtures/ops.json: every differentiable ONNX operator with its gradients from torch in float64.

    python test/oracle/write_ops.py

A case is {name, op, attributes, inputs, cotangents, outputs, gradients}, operators as in opset 20.
Tensors are {dims, dtype, data}; an omitted optional input is null. A gradient is null where none is
asked for (integers, conditions, constants such as an exponent). The outputs of every case have been
compared with onnxruntime.
"""

import itertools
import json
from collections.abc import Callable

import numpy
import onnx
import onnxruntime
import torch
from onnx import helper
from torch.nn import functional

import tiny

OPSET = 20
DTYPES = {torch.float64: "float32", torch.int64: "int64", torch.bool: "bool"}
ORT_DTYPES = {torch.float64: numpy.float32, torch.int64: numpy.int64, torch.bool: numpy.bool_}
CASES: list[dict] = []
counter = itertools.count()


# ---- inputs ----------------------------------------------------------------------------------------


def variable(*dims: int, low: float = -2.0, high: float = 2.0) -> torch.Tensor:
    """Different numbers between low and high, exact in float32 and never 0, that a gradient is asked for."""
    size = int(numpy.prod(dims))
    order = torch.randperm(size, generator=tiny.stream("ops", next(counter))).double()
    shift = next(counter) % 7 / 16
    values = low + (high - low) * (order + 0.25 + shift) / max(size, 1)
    return ((values * 1024).round() + 0.5).div(1024).reshape(dims).requires_grad_()


def constant(*values: float, dims: tuple[int, ...] | None = None) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64).reshape(dims if dims is not None else (len(values),))


def integers(values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int64)


def booleans(values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.bool)


# ---- one case --------------------------------------------------------------------------------------


def case(op: str, function: Callable, *inputs: torch.Tensor | None, note: str = "", **attributes) -> None:
    """Record one case: `function` is the operator in torch, over those inputs that are given."""
    result = function(*(tensor for tensor in inputs if tensor is not None))
    outputs = list(result) if isinstance(result, (tuple, list)) else [result]
    compare_with_onnxruntime(op, inputs, outputs, attributes)
    cotangents = [variable(*output.shape).detach() if output.requires_grad else None for output in outputs]
    wanted = [tensor for tensor in inputs if tensor is not None and tensor.requires_grad]
    pairs = [(output, seed) for output, seed in zip(outputs, cotangents) if seed is not None]
    found = iter(torch.autograd.grad([o for o, _ in pairs], wanted, [s for _, s in pairs], materialize_grads=True))
    gradients = [next(found) if tensor is not None and tensor.requires_grad else None for tensor in inputs]
    CASES.append(
        {
            "name": name_of(op, inputs, attributes, note),
            "op": op,
            "attributes": attributes,
            "inputs": [described(tensor) for tensor in inputs],
            "cotangents": [described(tensor) for tensor in cotangents],
            "outputs": [described(tensor) for tensor in outputs],
            "gradients": [described(tensor) for tensor in gradients],
        }
    )


def name_of(op: str, inputs, attributes: dict, note: str) -> str:
    shapes = " ".join("-" if tensor is None else str(list(tensor.shape)).replace(" ", "") for tensor in inputs)
    settings = " ".join(f"{key}={value}".replace(" ", "") for key, value in attributes.items())
    return " ".join(part for part in (op, shapes, settings, note) if part)


def described(tensor: torch.Tensor | None) -> dict | None:
    if tensor is None:
        return None
    return {
        "dims": list(tensor.shape),
        "dtype": DTYPES[tensor.dtype],
        "data": tiny.rounded(tensor.flatten()),
    }


def compare_with_onnxruntime(op: str, inputs, outputs: list[torch.Tensor], attributes: dict) -> None:
    """Refuse a case whose torch formula is not the ONNX operator."""
    given = {f"x{i}": tensor for i, tensor in enumerate(inputs) if tensor is not None}
    names = [f"x{i}" if tensor is not None else "" for i, tensor in enumerate(inputs)]
    results = [f"y{i}" for i in range(len(outputs))]
    element = {
        torch.float64: onnx.TensorProto.FLOAT,
        torch.int64: onnx.TensorProto.INT64,
        torch.bool: onnx.TensorProto.BOOL,
    }
    graph = helper.make_graph(
        [helper.make_node(op, names, results, **attributes)],
        "case",
        [
            helper.make_tensor_value_info(name, element[tensor.dtype], list(tensor.shape))
            for name, tensor in given.items()
        ],
        [onnx.ValueInfoProto(name=name) for name in results],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    model = onnx.shape_inference.infer_shapes(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {name: tensor.detach().numpy().astype(ORT_DTYPES[tensor.dtype]) for name, tensor in given.items()}
    for found, expected in zip(session.run(results, feeds), outputs, strict=True):
        expected = expected.detach().numpy()
        if list(found.shape) != list(expected.shape) or not numpy.allclose(found, expected, rtol=1e-5, atol=1e-5):
            raise AssertionError(f"{op} {attributes}: onnxruntime gives {found.tolist()}, torch {expected.tolist()}")


# ---- products --------------------------------------------------------------------------------------


def products() -> None:
    shapes = [
        ((2, 3), (3, 4)),
        ((3,), (3, 4)),
        ((2, 3), (3,)),
        ((3,), (3,)),
        ((2, 2, 3), (3, 4)),
        ((2, 2, 3), (2, 3, 4)),
        ((2, 3), (2, 3, 4)),
        ((2, 1, 2, 3), (3, 3, 2)),
        ((1, 2, 3), (2, 3, 2)),
        ((3,), (2, 3, 2)),
        ((2, 2, 3), (3,)),
    ]
    for left, right in shapes:
        case("MatMul", torch.matmul, variable(*left), variable(*right))
    for trans_a, trans_b in itertools.product((0, 1), (0, 1)):
        a, b = variable(*((3, 2) if trans_a else (2, 3))), variable(*((4, 3) if trans_b else (3, 4)))
        case("Gemm", gemm(trans_a, trans_b, 1, 1), a, b, variable(4), transA=trans_a, transB=trans_b)
        scaled = dict(alpha=0.5, beta=2.0, transA=trans_a, transB=trans_b)
        case("Gemm", gemm(trans_a, trans_b, 0.5, 2), fresh(a), fresh(b), variable(2, 4), **scaled)
    for dims in ((), (1,), (1, 4), (2, 1), (1, 1)):
        case("Gemm", gemm(0, 0, 0.5, 2), variable(2, 3), variable(3, 4), variable(*dims), alpha=0.5, beta=2.0)
    case("Gemm", gemm(0, 1, 1.5, 0), variable(2, 3), variable(4, 3), alpha=1.5, transB=1)
    einsums()


def fresh(tensor: torch.Tensor) -> torch.Tensor:
    return variable(*tensor.shape)


def gemm(trans_a: int, trans_b: int, alpha: float, beta: float) -> Callable:
    def apply(a, b, c=None):
        product = alpha * ((a.T if trans_a else a) @ (b.T if trans_b else b))
        return product if c is None else product + beta * c

    return apply


def einsums() -> None:
    equations = [
        ("ij,jk->ik", (2, 3), (3, 4)),
        ("ij,jk", (2, 3), (3, 4)),
        ("bij,bkj->bik", (2, 2, 3), (2, 4, 3)),
        ("bhid,bhjd->bhij", (2, 2, 3, 2), (2, 2, 2, 2)),
        ("bhij,bhjd->bihd", (1, 2, 3, 2), (1, 2, 2, 2)),
        ("i,j->ij", (2,), (3,)),
        ("ij,ij->", (2, 3), (2, 3)),
        ("ij->ji", (2, 3)),
        ("ij->i", (2, 3)),
        ("...ij,...jk->...ik", (2, 2, 3), (2, 3, 2)),
        ("bsh,nh->bsn", (2, 2, 3), (2, 3)),
        ("bxi,oij,byj->boxy", (1, 2, 3), (2, 3, 2), (1, 2, 2)),
        ("ij,jk,kl->il", (2, 3), (3, 2), (2, 2)),
    ]
    for equation, *shapes in equations:
        tensors = [variable(*dims) for dims in shapes]
        case("Einsum", lambda *xs, e=equation: torch.einsum(e, *xs), *tensors, equation=equation)


# ---- elementwise -----------------------------------------------------------------------------------

BROADCASTS = [
    ((2, 3), (2, 3)),
    ((2, 3), (3,)),
    ((2, 3), ()),
    ((2, 1), (1, 3)),
    ((3,), (2, 1, 3)),
    ((1,), (2, 3)),
    ((), ()),
]


def binary() -> None:
    for op, function in {"Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div}.items():
        for left, right in BROADCASTS:
            case(op, function, variable(*left), variable(*right, low=0.5 if op == "Div" else -2.0))
    for left, right in BROADCASTS:
        case("Pow", torch.pow, variable(*left, low=0.25), variable(*right))
    for exponent in (2.0, 3.0, 1.0, -1.0):
        case("Pow", torch.pow, variable(2, 3), constant(exponent, dims=()), note=f"to the {exponent:g}")
    case("Pow", torch.pow, variable(2, 3, low=0.25), constant(0.5, dims=()), note="to the 0.5")
    case("Pow", torch.pow, variable(2, 3), integers(2), note="integer exponent")
    variadic()


def variadic() -> None:
    largest = lambda *xs: reduce_pairs(torch.maximum, xs)
    smallest = lambda *xs: reduce_pairs(torch.minimum, xs)
    for op, function in {"Max": largest, "Min": smallest}.items():
        for shapes in [[(2, 3)], [(2, 3), (2, 3)], [(2, 3), (3,)], [(2, 3), ()], [(2, 1), (1, 3), (2, 3)]]:
            # Another range each, so that no two numbers are equal and the gradient is unique.
            case(op, function, *(variable(*dims, low=-2.0 + 0.11 * i) for i, dims in enumerate(shapes)))
    mean = lambda *xs: reduce_pairs(torch.add, xs) / len(xs)
    for shapes in [[(2, 3)], [(2, 3), (3,)], [(2, 1), (1, 3), (2, 3)]]:
        case("Sum", lambda *xs: reduce_pairs(torch.add, xs), *(variable(*dims) for dims in shapes))
        case("Mean", mean, *(variable(*dims) for dims in shapes))


def reduce_pairs(function: Callable, tensors) -> torch.Tensor:
    first, *rest = tensors
    result = first * 1
    for tensor in rest:
        result = function(result, tensor)
    return result


UNARY = {
    "Neg": torch.neg,
    "Abs": torch.abs,
    "Exp": torch.exp,
    "Tanh": torch.tanh,
    "Sigmoid": torch.sigmoid,
    "Relu": torch.relu,
    "Erf": torch.erf,
    "Softplus": functional.softplus,
    "Softsign": functional.softsign,
    "Sin": torch.sin,
    "Cos": torch.cos,
    "Tan": torch.tan,
    "Atan": torch.atan,
    "Mish": functional.mish,
    "HardSwish": functional.hardswish,
    "Identity": lambda x: x * 1,
}
POSITIVE = {"Sqrt": torch.sqrt, "Log": torch.log, "Reciprocal": torch.reciprocal}


def unary() -> None:
    for dims in ((), (5,), (2, 3)):
        for op, function in UNARY.items():
            case(op, function, variable(*dims, low=-1.5, high=1.5) if op == "Tan" else variable(*dims))
        for op, function in POSITIVE.items():
            case(op, function, variable(*dims, low=0.25))
        for approximate in ("none", "tanh"):
            case(
                "Gelu",
                lambda x, a=approximate: functional.gelu(x, approximate=a),
                variable(*dims),
                approximate=approximate,
            )
    case("Gelu", functional.gelu, variable(2, 3))
    case("Reciprocal", torch.reciprocal, variable(4, low=-2.0, high=-0.25))
    case("LeakyRelu", functional.leaky_relu, variable(2, 3))
    case("LeakyRelu", lambda x: functional.leaky_relu(x, 0.2), variable(2, 3), alpha=0.2)
    case("Elu", functional.elu, variable(2, 3))
    case("Elu", lambda x: functional.elu(x, 0.5), variable(2, 3), alpha=0.5)
    case("PRelu", lambda x, s: torch.where(x > 0, x, s * x), variable(2, 3), variable(3))
    case("HardSigmoid", lambda x: (0.25 * x + 0.5).clamp(0, 1), variable(2, 4, low=-4, high=4), alpha=0.25, beta=0.5)
    casts_and_bounds()


def casts_and_bounds() -> None:
    case("Cast", lambda x: x * 1, variable(2, 3), to=int(onnx.TensorProto.FLOAT))
    low, high = constant(-0.75, dims=()), constant(1.0, dims=())
    case("Clip", lambda x, a, b: x.clamp(a, b), variable(2, 4), low, high)
    case("Clip", lambda x, a: x.clamp(min=a), variable(2, 4), low)
    case("Clip", lambda x, b: x.clamp(max=b), variable(2, 4), None, high)
    condition = booleans([[True, False, True], [False, False, True]])
    case("Where", torch.where, condition, variable(2, 3), variable(2, 3))
    case("Where", torch.where, condition, variable(3), variable(2, 1))
    case("Where", torch.where, condition, variable(), variable(2, 2, 3))
    case("Where", torch.where, booleans([True, False, True]), variable(2, 3), variable(1))
    case("Where", torch.where, condition, variable(2, 3), constant(-1000.0, dims=()), note="constant fill")


# ---- normalisation and reduction -------------------------------------------------------------------


def normalised() -> None:
    for op, function in {"Softmax": torch.softmax, "LogSoftmax": torch.log_softmax}.items():
        for axis in (-1, 0, 1):
            case(op, lambda x, f=function, a=axis: f(x, a), variable(2, 3, 2), axis=axis)
        case(op, lambda x, f=function: f(x, -1), variable(4))
    for dims, axis in [((2, 4), -1), ((2, 2, 4), -1), ((2, 2, 3), 1), ((2, 2, 3), 2), ((4,), 0)]:
        over = dims[axis:] if axis >= 0 else dims[len(dims) + axis :]
        for epsilon in (1e-5, 1e-12):
            norm = lambda x, w, b=None, s=over, e=epsilon: functional.layer_norm(x, s, w, b, e)
            case(
                "LayerNormalization",
                norm,
                variable(*dims),
                variable(*over),
                variable(*over),
                axis=axis,
                epsilon=epsilon,
            )
        case("LayerNormalization", norm, variable(*dims), variable(*over), axis=axis, epsilon=1e-12)


REDUCTIONS = {
    "ReduceSum": lambda x, axes, keep: x.sum(axes, keepdim=keep),
    "ReduceMean": lambda x, axes, keep: x.mean(axes, keepdim=keep),
    "ReduceMax": lambda x, axes, keep: x.amax(axes, keepdim=keep),
    "ReduceMin": lambda x, axes, keep: x.amin(axes, keepdim=keep),
    "ReduceL2": lambda x, axes, keep: x.square().sum(axes, keepdim=keep).sqrt(),
    "ReduceSumSquare": lambda x, axes, keep: x.square().sum(axes, keepdim=keep),
    "ReduceLogSumExp": lambda x, axes, keep: x.logsumexp(axes, keepdim=keep),
}


def reductions() -> None:
    for op, function in REDUCTIONS.items():
        for axes, keep in itertools.product(((1,), (-1,), (0, 2)), (0, 1)):
            reduce = lambda x, _, f=function, a=axes, k=keep: f(x, a, bool(k))
            case(op, reduce, variable(2, 3, 2), integers(axes), keepdims=keep, note=f"axes {list(axes)}")
        for keep in (0, 1):
            case(
                op, lambda x, f=function, k=keep: f(x, (0, 1), bool(k)), variable(2, 3), keepdims=keep, note="all axes"
            )
    for axis, exclusive, reverse in itertools.product((0, -1), (0, 1), (0, 1)):
        sums = lambda x, _, a=axis, e=exclusive, r=reverse: cumulative(x, a, e, r)
        case("CumSum", sums, variable(2, 3), integers(axis), exclusive=exclusive, reverse=reverse, note=f"axis {axis}")


def cumulative(x: torch.Tensor, axis: int, exclusive: int, reverse: int) -> torch.Tensor:
    turned = x.flip(axis) if reverse else x
    sums = turned.cumsum(axis) - (turned if exclusive else 0)
    return sums.flip(axis) if reverse else sums


# ---- movement --------------------------------------------------------------------------------------


def movement() -> None:
    case("Transpose", lambda x: x.permute(2, 1, 0), variable(2, 3, 4), note="default order")
    for perm in ([1, 0, 2], [2, 0, 1], [0, 2, 1]):
        case("Transpose", lambda x, p=perm: x.permute(p), variable(2, 3, 4), perm=perm)
    for wanted, found in [([6], (6,)), ([-1, 2], (3, 2)), ([0, -1, 1], (2, 3, 1)), ([1, 2, 3], (1, 2, 3))]:
        case("Reshape", lambda x, _, d=found: x.reshape(d), variable(2, 3), integers(wanted), note=f"to {wanted}")
    case("Flatten", lambda x: x.reshape(2, 6), variable(2, 3, 2), axis=1)
    case("Squeeze", lambda x, _: x.squeeze(1), variable(2, 1, 3), integers([1]))
    case("Squeeze", lambda x, _: x.squeeze(0).squeeze(-1), variable(1, 3, 1), integers([0, -1]))
    case("Squeeze", lambda x: x.squeeze(), variable(1, 3, 1), note="all")
    case("Unsqueeze", lambda x, _: x.unsqueeze(0), variable(2, 3), integers([0]))
    case("Unsqueeze", lambda x, _: x[:, None, :, None], variable(2, 3), integers([1, -1]))
    for dims, wanted in [((2, 1), [2, 3]), ((3,), [2, 3]), ((), [2, 2]), ((2, 3), [1, 1]), ((1, 3), [2, 2, 1])]:
        full = torch.broadcast_shapes(dims, tuple(wanted))
        case("Expand", lambda x, _, f=full: x.expand(f) * 1, variable(*dims), integers(wanted), note=f"to {wanted}")
    for dims, repeats in [((2, 3), [1, 2]), ((2, 3), [3, 1]), ((2,), [3]), ((2, 1, 2), [2, 2, 2])]:
        case("Tile", lambda x, _, r=repeats: x.repeat(r), variable(*dims), integers(repeats), note=f"by {repeats}")
    joins()
    slices()
    pads()
    for upper, k in [(0, None), (1, None), (0, -1), (1, 1)]:
        triangle = lambda x, *_, u=upper, d=k: torch.triu(x, d or 0) if u else torch.tril(x, d or 0)
        extra = [] if k is None else [integers(k)]
        case("Trilu", triangle, variable(2, 3, 3), *extra, upper=upper)


def joins() -> None:
    for shapes, axis in [
        ([(2, 3), (2, 3)], 0),
        ([(2, 3), (2, 1)], 1),
        ([(2, 1, 2), (2, 2, 2), (2, 1, 2)], -2),
        ([(3,)], 0),
    ]:
        case("Concat", lambda *xs, a=axis: torch.cat(xs, a), *(variable(*dims) for dims in shapes), axis=axis)
    for sizes, axis in [([2, 2], 1), ([1, 3], 1), ([1, 2, 1], -1)]:
        split = lambda x, _, s=sizes, a=axis: torch.split(x, s, a)
        case("Split", split, variable(2, 4), integers(sizes), axis=axis, note=f"into {sizes}")
    case("Split", lambda x: torch.split(x, 2, 0), variable(4, 2), num_outputs=2)
    case("Split", lambda x: torch.split(x, 2, 1), variable(2, 5), axis=1, num_outputs=3, note="last part smaller")


BIG = 2**31 - 1


def slices() -> None:
    table = [
        ((2, 4), [1], [3], [1], None),
        ((4,), [-3], [-1], None, None),
        ((4, 3), [1], [BIG], [0], [2]),
        ((2, 4), [0, 1], [1, 4], [0, 1], None),
        ((5,), [4], [0], [0], [-2]),
        ((2, 4), [-1], [-BIG], [1], [-1]),
        ((2, 5), [3], [-BIG], [-1], [-2]),
        ((2, 3, 4), [0, -1], [2, -4], [0, 2], [1, -2]),
        ((2, 2), [0], [1], [-1], [1]),
        ((3, 2), [1, 0], [9, 2], None, None),
    ]
    for dims, starts, ends, axes, steps in table:
        cut = lambda x, *_, t=(starts, ends, axes, steps): sliced(x, *t)
        optional = [None if axes is None else integers(axes), None if steps is None else integers(steps)]
        while optional and optional[-1] is None:
            optional.pop()
        note = f"from {starts} to {ends} axes {axes} steps {steps}"
        case("Slice", cut, variable(*dims), integers(starts), integers(ends), *optional, note=note)


def sliced(x: torch.Tensor, starts, ends, axes, steps) -> torch.Tensor:
    for index, axis in enumerate(axes or range(len(starts))):
        where = slice(starts[index], ends[index], steps[index] if steps else 1)
        kept = range(*where.indices(x.shape[axis]))
        x = x.index_select(axis, integers(list(kept)))
    return x


def pads() -> None:
    before_after = integers([1, 0, 0, 2])
    case(
        "Pad",
        lambda x, _: functional.pad(x, (0, 2, 1, 0)),
        variable(2, 3),
        before_after,
        note="rows 1 before, columns 2 after",
    )
    filled = lambda x, *_: functional.pad(x, (0, 2, 1, 0), value=0.5)
    case("Pad", filled, variable(2, 3), before_after, constant(0.5, dims=()), note="with 0.5")
    case(
        "Pad",
        lambda x, *_: functional.pad(x, (1, 2)),
        variable(2, 3),
        integers([1, 2]),
        None,
        integers([-1]),
        note="axes [-1]",
    )
    case("Pad", lambda x, _: functional.pad(x, (-1, 1)), variable(2, 3), integers([0, -1, 0, 1]), note="negative")
    for mode, numpy_mode in {"reflect": "reflect", "edge": "edge", "wrap": "wrap"}.items():
        picked = integers(numpy.pad(numpy.arange(3), (2, 1), mode=numpy_mode).tolist())
        take = lambda x, _, p=picked: x.index_select(1, p)
        case("Pad", take, variable(2, 3), integers([0, 2, 0, 1]), mode=mode)


# ---- gathering -------------------------------------------------------------------------------------


def gathering() -> None:
    for dims, axis, indices in [
        ((4, 2), 0, [1, 3, 1]),
        ((2, 4), 1, [[0, -1], [2, 0]]),
        ((2, 3, 2), -2, [2, 2]),
        ((2, 3), 1, 0),
        ((4,), 0, [[3], [0]]),
    ]:
        index = integers(indices)
        case("Gather", lambda x, i, a=axis: gather(x, i, a), variable(*dims), index, axis=axis, note=f"at {indices}")
    for dims, axis, indices in [
        ((3, 3), 0, [[1, 2, 0], [1, 0, 0]]),
        ((2, 3), 1, [[0, 0], [2, -1]]),
        ((2, 3), -1, [[1, 1, 1], [0, 2, 2]]),
    ]:
        pick = lambda x, i, a=axis: torch.gather(x, a, i % x.shape[a])
        case("GatherElements", pick, variable(*dims), integers(indices), axis=axis, note=f"at {indices}")
    for dims, batch, indices in [
        ((2, 3), 0, [[0, 1], [1, 2], [0, 1]]),
        ((2, 3), 0, [[1], [0], [1]]),
        ((2, 2, 3), 1, [[1], [0]]),
        ((2, 3, 2), 1, [[[2], [2]], [[0], [1]]]),
        ((2, 2), 0, [[[0, -1]], [[1, 0]]]),
    ]:
        pick = lambda x, i, b=batch: gather_nd(x, i, b)
        case("GatherND", pick, variable(*dims), integers(indices), batch_dims=batch, note=f"at {indices}")
    scattering()


def gather(x: torch.Tensor, indices: torch.Tensor, axis: int) -> torch.Tensor:
    axis %= x.dim()
    flat = x.index_select(axis, (indices % x.shape[axis]).reshape(-1))
    return flat.reshape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])


def gather_nd(x: torch.Tensor, indices: torch.Tensor, batch_dims: int) -> torch.Tensor:
    if batch_dims:
        return torch.stack([gather_nd(row, index, batch_dims - 1) for row, index in zip(x, indices)])
    return x[tuple(indices.movedim(-1, 0))]


def scattering() -> None:
    for dims, axis, indices, reduction in [
        ((3, 3), 0, [[1, 2, 0], [1, 0, 0]], "add"),
        ((2, 3), 1, [[0, 0], [2, -1]], "add"),
        ((2, 3), 1, [[0, 2], [1, 2]], "none"),
        ((3, 2), 0, [[2, 0]], "none"),
    ]:
        index = integers(indices)
        settings = dict(axis=axis, reduction=reduction, note=f"at {indices}")
        case("ScatterElements", scatter(axis, reduction), variable(*dims), index, variable(*index.shape), **settings)
    for dims, indices, reduction in [
        ((4, 2), [[2], [0]], "none"),
        ((2, 3), [[0, 1], [1, 2]], "none"),
        ((4, 2), [[2], [0], [2]], "add"),
        ((2, 3), [[0, 1], [0, 1], [1, 0]], "add"),
    ]:
        index = integers(indices)
        updates = variable(*index.shape[:-1], *dims[index.shape[-1] :])
        settings = dict(reduction=reduction, note=f"at {indices}")
        case("ScatterND", scatter_nd(reduction), variable(*dims), index, updates, **settings)


def scatter(axis: int, reduction: str) -> Callable:
    def apply(x, indices, updates):
        index = indices % x.shape[axis]
        return x.scatter_add(axis, index, updates) if reduction == "add" else x.scatter(axis, index, updates)

    return apply


def scatter_nd(reduction: str) -> Callable:
    return lambda x, indices, updates: x.index_put(
        tuple(indices.movedim(-1, 0)), updates, accumulate=reduction == "add"
    )


def main() -> None:
    for family in (products, binary, unary, normalised, reductions, movement, gathering):
        family()
    lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in CASES)
    text = f'{{"format":1,"opset":{OPSET},"torch":"{torch.__version__}","cases":[\n{lines}\n]}}\n'
    (tiny.FIXTURES / "ops.json").write_text(text)
    print(len(CASES), "cases,", len({entry["op"] for entry in CASES}), "operators,", len(text), "bytes")


if __name__ == "__main__":
    main()
