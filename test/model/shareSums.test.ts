import assert from "node:assert/strict";
import { test } from "node:test";
import { shareSums } from "#src/model/shareSums.js";
import { Graph, GraphBuilder, type Value, printGraph } from "#src/onnx/index.js";

/** What a function of four inputs is after the pass, as text without its first and last line. */
function rewritten(write: (b: GraphBuilder, h: Value, r: Value, u: Value, v: Value) => Value): string[] {
  const graph = new Graph("sums");
  const b = new GraphBuilder(graph);
  const [h, r, u, v] = ["h", "r", "u", "v"].map((name) => b.input(name, "float32", ["rows", 4])) as [Value, Value, Value, Value];
  graph.outputs.push(write(b, h, r, u, v));
  shareSums(graph);
  graph.prune();
  return printGraph(graph).split("\n").filter((line) => line.includes(" = ")).map((line) => line.trim().replace(": float32[rows, 4]", ""));
}

test("modules in a row share the sum with the residual, and nobody makes their hidden states", () => {
  const lines = rewritten((b, h, r, u, v) => {
    const first = b.add(h, r);
    const afterOne = b.add(u, h);
    const second = b.add(afterOne, r);
    const afterTwo = b.add(v, afterOne);
    return b.mul(b.mul(first, second), b.add(afterTwo, r));
  });
  assert.deepEqual(lines, ["Add = Add(h, r)", "Add_2 = Add(Add, u)", "Mul = Mul(Add, Add_2)", "Add_4 = Add(Add_2, v)", "Mul_5 = Mul(Mul, Add_4)"]);
});

test("a sum whose parts were not added before stays as it is", () => {
  assert.deepEqual(rewritten((b, h, r, u) => b.add(b.add(h, u), r)), ["Add = Add(h, u)", "Add_1 = Add(Add, r)"]);
});
