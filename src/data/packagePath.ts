import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A path inside this package, e.g. `packagePath("models", "e5-small")`; the same from a checkout and from an installed copy. */
export function packagePath(...parts: readonly string[]): string {
  return join(fileURLToPath(new URL("../..", import.meta.url)), ...parts);
}
