import type { Router } from "../router.js";

/** Equal parts of a batch that holds one copy of the input a child; rows [i·B, (i+1)·B) belong to child i. */
export const replicas: Router = {
  about: "each module acts on its own copy of the input",
  route: (children) => Array.from({ length: children }, (_, index) => ({ weight: 1, region: { axis: "batch", index, count: children } })),
};
