/** An ONNX model of one node, y = x · x on square float32 matrices, as bytes (this room does not write models; a test makes the same bytes again). */
export function probeModel(): Uint8Array {
  return new Uint8Array(Buffer.from("CAg6SAoRCgF4CgF4EgF5IgZNYXRNdWwSBXByb2JlWhUKAXgSEAoOCAESCgoDEgFuCgMSAW5iFQoBeRIQCg4IARIKCgMSAW4KAxIBbkICEA0=", "base64"));
}
