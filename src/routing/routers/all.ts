import type { Router } from "../router.js";

/** Every child sees the whole input and counts fully. */
export const all: Router = {
  about: "every module acts on everything",
  route: (children) => Array.from({ length: children }, () => ({ weight: 1 })),
};
