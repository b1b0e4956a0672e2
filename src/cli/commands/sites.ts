import { siteName } from "../../backbone/index.js";
import { loadBackbone } from "../../hub/index.js";
import { command } from "../command.js";
import { describeBackbone, siteRows } from "../backboneReport.js";
import { table } from "../table.js";

/** The places of an encoder where modules may act. */
export const sites = command({
  about: "list the places of an encoder where modules may act",
  arguments: [{ name: "BACKBONE", about: "an embedded encoder (e5-small), a folder with an ONNX export, or organisation/name" }],
  options: { layer: { about: "only this layer, from 0", value: "N", type: "whole" } },
  example: "modlingua sites e5-small --layer 0",
  async run({ layer }, [name], { signal, progress }) {
    const backbone = await loadBackbone(name!, { signal, onProgress: progress });
    const shown = backbone.sites.filter((site) => layer === undefined || site.layer === layer);
    return {
      text: `${describeBackbone(backbone)}\n\n${table(["kind", "layer", "place", "width", "value"], siteRows(shown))}`,
      json: { name: backbone.name, config: backbone.config, wordEmbeddings: backbone.wordEmbeddings, sites: shown.map((site) => ({ name: siteName(site), ...site })) },
    };
  },
});
