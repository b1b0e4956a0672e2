import assert from "node:assert/strict";
import { test } from "node:test";
import { type DType, type Dim, type Shape, float32, int64 } from "#src/base/index.js";
import { type Attributes, Graph, GraphBuilder, type Value, canonicalise, inferNode, inferShapes, integersOf } from "#src/onnx/index.js";
import { feedsOf, fixtures, readFixture, runGraph } from "./support.js";

/** The number a dimension stands for under sizes of its names; undefined for a name that only a run can tell. */
function sizeOfDim(dim: Dim, sizes: Readonly<Record<string, number>>): number | undefined {
  if (typeof dim === "number") return dim;
  const functions: Readonly<Record<string, string>> = { max: "Math.max", min: "Math.min", floor: "Math.floor" };
  const names = dim.match(/[A-Za-z_][\w.]*/g) ?? [];
  if (names.some((name) => functions[name] === undefined && sizes[name] === undefined)) return undefined;
  return Number(new Function(`return ${dim.replace(/[A-Za-z_][\w.]*/g, (name) => functions[name] ?? String(sizes[name]))}`)());
}

for (const name of fixtures) {
  test(`${name}: every inferred type, shape and integer is what the runtime computes`, async () => {
    for (const graph of [readFixture(name), canonicalise(readFixture(name))]) {
      inferShapes(graph);
      const values = [...graph.nodes].filter(({ op }) => op !== "Constant").flatMap(({ outputs }) => outputs);
      graph.outputs.splice(0, graph.outputs.length, ...values);
      const feeds = feedsOf(name);
      const [batch, sequence] = feeds["input_ids"]!.dims as [number, number];
      const actual = await runGraph(graph, feeds);
      let compared = 0;
      for (const value of values) {
        if (value.shape === undefined) continue;
        const found = actual[value.name]!;
        assert.equal(value.dtype, found.dtype, value.name);
        assert.equal(value.shape.length, found.dims.length, value.name);
        const dims = value.shape.map((dim, axis) => sizeOfDim(dim, { batch, sequence }) ?? found.dims[axis]!);
        assert.deepEqual(dims, [...found.dims], `${value.name} [${value.shape.join(", ")}]`);
        const elements = integersOf(value)?.map((element) => sizeOfDim(element, { batch, sequence }));
        if (elements !== undefined && !elements.includes(undefined)) assert.deepEqual(elements, Array.from(found.data as ArrayLike<number | bigint>, Number), `elements of ${value.name}`);
        compared++;
      }
      // What follows an If whose branch has not been taken yet is unknown.
      const open = [...graph.nodes].some(({ op }) => op === "If");
      assert.ok(compared > 50 && (open || compared === values.length), `only ${compared} of ${values.length} values have a shape`);
    }
  });
}

type Input = { readonly dtype?: DType; readonly shape: Shape } | readonly number[] | undefined;

/** Infers one node; an input given as a list of numbers is an int64 constant. Returns "dtype[shape]" of every output. */
function inferred(op: string, inputs: readonly Input[], attributes: Attributes = {}, outputs = 1): string | readonly string[] {
  const graph = new Graph();
  const [domain, name] = op.includes(":") ? op.split(":") as [string, string] : ["", op];
  const values = inputs.map((input, index) => {
    if (input === undefined) return undefined;
    return "shape" in input ? graph.addInput(`x${index}`, input.dtype ?? "float32", input.shape) : graph.addConstant(`c${index}`, { inline: int64([input.length], input) });
  });
  const node = graph.addNode(name, values, Array.from({ length: outputs }, (_, index) => `y${index}`), attributes, domain);
  inferNode(node);
  const shown = node.outputs.map(({ dtype, shape }) => `${dtype ?? "?"}${shape === undefined ? "?" : `[${shape.join(", ")}]`}`);
  return outputs === 1 ? shown[0]! : shown;
}

const f = (...shape: Dim[]): Input => ({ shape });
const i = (...shape: Dim[]): Input => ({ dtype: "int64", shape });

test("elementwise operators broadcast names and numbers", () => {
  assert.equal(inferred("Add", [f("b", "s", 8), f(8)]), "float32[b, s, 8]");
  assert.equal(inferred("Mul", [f("b", 1, "s"), f("b", "s", 1)]), "float32[b, s, s]");
  assert.equal(inferred("Sub", [f("b", 4), f(3, 1)]), "float32[3, 4]");
  assert.equal(inferred("Add", [f("a"), f("b")]), "float32[max(a,b)]");
  assert.equal(inferred("Max", [f("a"), f("b"), f("c")]), "float32[max(a,b,c)]");
  assert.equal(inferred("Equal", [i("b"), i()]), "bool[b]");
  assert.equal(inferred("Where", [{ dtype: "bool", shape: ["b", 1] }, f(1, 4), f()]), "float32[b, 4]");
  assert.equal(inferred("Cast", [i("b")], { to: 1 }), "float32[b]");
  assert.deepEqual(inferred("Dropout", [f("b", 2)], {}, 2), ["float32[b, 2]", "bool[b, 2]"]);
  assert.equal(inferred("com.microsoft:BiasGelu", [f("b", 8), f(8)]), "float32[b, 8]");
});

test("products", () => {
  assert.equal(inferred("MatMul", [f("b", 4, "s", 8), f("b", 4, 8, "t")]), "float32[b, 4, s, t]");
  assert.equal(inferred("MatMul", [f(8), f("b", 8, 3)]), "float32[b, 3]");
  assert.equal(inferred("MatMul", [f("b", 8), f(8)]), "float32[b]");
  assert.equal(inferred("Gemm", [f(8, "n"), f(4, 8), f(4)], { transA: 1, transB: 1 }), "float32[n, 4]");
  assert.equal(inferred("com.microsoft:FusedMatMul", [f("b", "s", 8), f("b", "t", 8)], { transB: 1 }), "float32[b, s, t]");
  assert.equal(inferred("Einsum", [f("b", "s", "h", 8), f("b", "t", "h", 8)], { equation: "bshd,bthd->bhst" }), "float32[b, h, s, t]");
  assert.equal(inferred("Einsum", [f("b", "s", 3), f(3, 5)], { equation: "...i, ij -> ...j" }), "float32[b, s, 5]");
  assert.equal(inferred("Einsum", [f("b", 3), f(3, "a")], { equation: "bi,ia" }), "float32[a, b]");
  assert.deepEqual(inferred("LayerNormalization", [f("b", "s", 8), f(8)], { axis: -1 }, 3), ["float32[b, s, 8]", "float32[b, s, 1]", "float32[b, s, 1]"]);
  assert.deepEqual(inferred("com.microsoft:SkipLayerNormalization", [f("b", "s", 8), f("b", "s", 8), f(8)], {}, 4), ["float32[b, s, 8]", "float32[b, s, 1]", "float32[b, s, 1]", "float32[b, s, 8]"]);
  assert.equal(inferred("com.microsoft:MatMulNBits", [f("b", "s", 64)], { K: 64, N: 32, bits: 4, block_size: 32 }), "float32[b, s, 32]");
  assert.equal(inferred("MatMulInteger", [{ dtype: "uint8", shape: ["b", 8] }, { dtype: "int8", shape: [8, 4] }]), "int32[b, 4]");
  assert.deepEqual(inferred("DynamicQuantizeLinear", [f("b", 8)], {}, 3), ["uint8[b, 8]", "float32[]", "uint8[]"]);
});

test("reductions, with axes in both spellings", () => {
  assert.equal(inferred("ReduceMean", [f("b", "s", 8)], { axes: [-1] }), "float32[b, s, 1]");
  assert.equal(inferred("ReduceSum", [f("b", "s", 8), [0, 2]], { keepdims: 0 }), "float32[s]");
  assert.equal(inferred("ReduceMax", [f("b", "s")], { keepdims: 0 }), "float32[]");
  assert.equal(inferred("ReduceSum", [f("b", "s"), []], { noop_with_empty_axes: 1 }), "float32[b, s]");
  assert.equal(inferred("ArgMax", [f("b", "s", 8)], { axis: -1, keepdims: 0 }), "int64[b, s]");
  assert.deepEqual(inferred("TopK", [f("b", 8), [3]], { axis: 1 }, 2), ["float32[b, 3]", "int64[b, 3]"]);
  assert.equal(inferred("OneHot", [i("b"), [5], f(2)]), "float32[b, 5]");
  assert.equal(inferred("NonZero", [f("b", "s")]), "int64[2, y0.1]");
});

test("layout, with symbolic sizes", () => {
  assert.equal(inferred("Transpose", [f("b", "s", 4, 6)], { perm: [0, 2, 3, 1] }), "float32[b, 4, 6, s]");
  assert.equal(inferred("Reshape", [f("b", "s", 24), [0, -1, 4, 6]]), "float32[b, s, 4, 6]");
  assert.equal(inferred("Reshape", [f("b", 4, "s", 6), [-1, 6]]), "float32[4*b*s, 6]");
  assert.equal(inferred("Reshape", [f("4*b", 6), [-1, 4, 6]]), "float32[b, 4, 6]");
  assert.equal(inferred("Flatten", [f("b", "s", 8)], { axis: 2 }), "float32[b*s, 8]");
  assert.equal(inferred("Unsqueeze", [f("b", 8), [0, -1]]), "float32[1, b, 8, 1]");
  assert.equal(inferred("Squeeze", [f(1, "b", 1)], { axes: [-1] }), "float32[1, b]");
  assert.equal(inferred("Expand", [f("b", 1, 8), [1, 5, 1]]), "float32[b, 5, 8]");
  assert.equal(inferred("Concat", [f("b", "s"), f("b", "t"), f("b", 2)], { axis: 1 }), "float32[b, s + t + 2]");
  assert.deepEqual(inferred("Split", [f("b", 9), [4, 5]], { axis: 1 }, 2), ["float32[b, 4]", "float32[b, 5]"]);
  assert.deepEqual(inferred("Split", [f("b", 7)], { axis: 1, num_outputs: 2 }, 2), ["float32[b, 4]", "float32[b, 3]"]);
  assert.equal(inferred("Tile", [f("b", 8), [3, 1]]), "float32[3*b, 8]");
  assert.equal(inferred("Pad", [f("b", 8), [0, 1, 0, 2]]), "float32[b, 11]");
  assert.equal(inferred("Shape", [f("b", 8, 3)], { start: 1 }), "int64[2]");
});

test("indexing", () => {
  assert.equal(inferred("Gather", [f(120, 24), i("b", "s")]), "float32[b, s, 24]");
  assert.equal(inferred("GatherElements", [f("b", "s", 16), i("b", "s", "s")], { axis: 2 }), "float32[b, s, s]");
  assert.equal(inferred("GatherND", [f("b", "s", 8), i("n", 2)]), "float32[n, 8]");
  assert.equal(inferred("Slice", [f("b", "s", 8), [0], [1], [1]]), "float32[b, 1, 8]");
  assert.equal(inferred("Slice", [f("b", "s", 8), [1], [2 ** 31 - 1], [1]]), "float32[b, s - 1, 8]");
  assert.equal(inferred("Slice", [f("b", "s", 8), [-1], [2 ** 53], [1]]), "float32[b, 1, 8]");
  assert.equal(inferred("Slice", [f("b", 8), [0], [8], [1], [3]]), "float32[b, 3]");
  assert.equal(inferred("Slice", [f("b", 8), [-1], [-9], [1], [-1]]), "float32[b, 8]");
  assert.equal(inferred("Slice", [f("b", "s"), [0], [4], [1]]), "float32[b, min(4,s)]");
  assert.equal(inferred("ScatterND", [f("b", 8), i("n", 1), f("n", 8)]), "float32[b, 8]");
});

test("shape arithmetic carries names through casts, gathers and the idiom of Expand", () => {
  const graph = new Graph();
  const b = new GraphBuilder(graph);
  const shape = b.shape(graph.addInput("x", "float32", ["batch", "sequence", 24]));
  const at = (index: number): Value => b.unsqueeze(b.gather(shape, b.int(index)), [0]);
  const parts = b.concat([b.mul(at(0), b.ints([4])), at(1), b.div(at(2), b.ints([4])), b.sub(b.mul(at(1), b.ints([2])), b.ints([1]))], 0);
  assert.deepEqual(integersOf(parts), ["4*batch", "sequence", 6, "2*sequence - 1"]);
  const open = b.concat([at(0), b.ints([-1])], 0);
  assert.deepEqual(integersOf(b.where(b.equal(open, b.int(-1)), b.int(1), open)), ["batch", 1]);
  assert.deepEqual(integersOf(b.op("ReduceProd", [b.slice(shape, 0, 1, 3)])), ["24*sequence"]);
  assert.deepEqual(b.op("Range", [b.int(0), b.gather(shape, b.int(1)), b.int(1)]).shape, ["sequence"]);
  assert.deepEqual(b.op("ConstantOfShape", [parts], { value: float32([1], [2]) }).shape, ["4*batch", "sequence", 6, "2*sequence - 1"]);
});

test("contradictions of known sizes are refused with the node", () => {
  const refused: readonly [RegExp, () => unknown][] = [
    [/node y0: MatMul: the inner sizes of \[2, 3\] and \[4, 5\] differ/, () => inferred("MatMul", [f(2, 3), f(4, 5)])],
    [/Add: shapes \[b, 3\] and \[4\] do not broadcast/, () => inferred("Add", [f("b", 3), f(4)])],
    [/Concat: sizes of axis 0 must be equal, got 2 and 3/, () => inferred("Concat", [f(2, 1), f(3, 1)], { axis: 1 })],
    [/Reshape: \[2, 6\] cannot take the shape \[5, -1\]/, () => inferred("Reshape", [f(2, 6), [5, -1]])],
    [/Squeeze: axis 1 of \[b, 3\] is not 1/, () => inferred("Squeeze", [f("b", 3), [1]])],
    [/LayerNormalization: the width and the scale's size must be equal, got 8 and 6/, () => inferred("LayerNormalization", [f("b", 8), f(6)])],
    [/ReduceSum: axis 3 is outside a value of rank 2/, () => inferred("ReduceSum", [f("b", 2), [3]])],
    [/Split: parts \[1, 2\] do not add up to 4/, () => inferred("Split", [f(4), [1, 2]], {}, 2)],
    [/Einsum: term "bi" does not fit \[b, 2, 3\]/, () => inferred("Einsum", [f("b", 2, 3)], { equation: "bi->b" })],
  ];
  for (const [message, run] of refused) assert.throws(run, message);
});

test("an operator without a rule keeps what the file says of it", () => {
  const graph = new Graph();
  const node = graph.addNode("Mystery", [graph.addInput("x", "float32", [2])], ["y"], {}, "some.domain");
  [node.output().dtype, node.output().shape] = ["float32", ["n"]];
  inferNode(node);
  assert.deepEqual(node.output().shape, ["n"]);
});
