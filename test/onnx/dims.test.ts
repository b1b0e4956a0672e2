import assert from "node:assert/strict";
import { test } from "node:test";
import { addDims, broadcastDims, divideDims, exactQuotient, isEqual, isLess, isNonNegative, largerDim, multiplyDims, smallerDim, subtractDims } from "#src/onnx/inference/dims.js";

test("sums and products have one spelling", () => {
  assert.equal(addDims("s", addDims("b", "s")), "b + 2*s");
  assert.equal(addDims("sequence", 1), "sequence + 1");
  assert.equal(subtractDims(multiplyDims(2, "s"), 1), "2*s - 1");
  assert.equal(subtractDims("s + 1", "s"), 1);
  assert.equal(subtractDims("s", "s"), 0);
  assert.equal(multiplyDims("s", "b"), "b*s");
  assert.equal(multiplyDims("s + 1", "s - 1"), "s*s - 1");
  assert.equal(multiplyDims(multiplyDims(4, "b"), 3), "12*b");
  assert.equal(subtractDims(0, "s"), "-1*s");
  assert.equal(addDims("-1*s", "s"), 0);
});

test("names with dashes and spaces of another kind are names", () => {
  assert.equal(addDims("batch-size", 1), "batch-size + 1");
  assert.equal(subtractDims("batch-size + 1", "batch-size"), 1);
});

test("quotients are exact where they can be, and atoms otherwise", () => {
  assert.equal(divideDims("12*b", 4), "3*b");
  assert.equal(divideDims("b*s", "s"), "b");
  assert.equal(divideDims("2*s + 4", 2), "s + 2");
  assert.equal(divideDims("b*s + b", "s + 1"), "b");
  assert.equal(divideDims("s", 2), "floor(s/2)");
  assert.equal(multiplyDims("floor(s/2)", 2), "2*floor(s/2)");
  assert.equal(exactQuotient("s", 2), undefined);
  assert.equal(divideDims(7, 2), 3);
});

test("comparisons know that names are at least 1", () => {
  assert.equal(isLess(0, "s"), true);
  assert.equal(isLess("s", 1), false);
  assert.equal(isLess("s", "s + 1"), true);
  assert.equal(isLess("s", "t"), undefined);
  assert.equal(isLess("s", 5), undefined);
  assert.equal(isEqual("s", -1), false);
  assert.equal(isEqual("s", 1), undefined);
  assert.equal(isEqual("2*s", "2*s"), true);
  assert.equal(smallerDim(1, "s"), 1);
  assert.equal(smallerDim("s", 5), "min(5,s)");
  assert.equal(largerDim("s + 1", "s"), "s + 1");
  assert.equal(largerDim(1, "s"), "s");
  assert.equal(isNonNegative("s - 1"), false);
});

test("broadcasting", () => {
  assert.equal(broadcastDims("s", "s"), "s");
  assert.equal(broadcastDims(1, "s"), "s");
  assert.equal(broadcastDims("s", 4), 4);
  assert.equal(broadcastDims(3, 4), undefined);
  assert.equal(broadcastDims("t", "s"), "max(s,t)");
  assert.equal(broadcastDims("max(s,t)", "r"), "max(r,s,t)");
});
