// Copies what tsc leaves behind (CommonJS sources that must stay as they are) from src to dist.
import { copyFileSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";

if (existsSync("src")) {
  for (const file of readdirSync("src", { recursive: true })) {
    if (!/\.(cjs|css)$/.test(file)) continue;
    mkdirSync(dirname(join("dist", file)), { recursive: true });
    copyFileSync(join("src", file), join("dist", file));
  }
}
