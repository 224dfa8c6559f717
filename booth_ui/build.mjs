// Bundles the front-end of the booth (booth_ui/web) and of the manager (server/web).
// Each bundle gets its content's hash in its name, and each face a manifest.json that maps
// "booth.js" to "booth-HASH.js". Run by booth_ui/build_assets.py, after `npm ci`.

import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.dirname(here);

const faces = [
  { folder: path.join(here), entries: ["web/booth.js", "web/board.js", "web/booth.css"] },
  { folder: path.join(root, "server"), entries: ["web/manage.js", "web/manage.css"] },
];

async function bundle({ folder, entries }) {
  const result = await build({
    absWorkingDir: folder,
    entryPoints: entries,
    outdir: "static/dist",
    entryNames: "[name]-[hash]",
    bundle: true,
    format: "iife",
    legalComments: "none",
    metafile: true,
    minify: true,
    nodePaths: [path.join(here, "node_modules")],
    target: ["chrome120", "firefox121", "safari17"],
    logLevel: "warning",
  });
  const names = {};
  for (const [file, output] of Object.entries(result.metafile.outputs)) {
    names[path.basename(output.entryPoint)] = path.basename(file);
  }
  return names;
}

async function writeManifest(dist, names) {
  await mkdir(dist, { recursive: true });
  await writeFile(path.join(dist, "manifest.json"), JSON.stringify(names, null, 2) + "\n");
}

// Only after the manifest names the new files may the old ones go.
async function removeOld(dist, names) {
  const kept = new Set([...Object.values(names), "manifest.json"]);
  for (const file of await readdir(dist)) {
    if (!kept.has(file)) await rm(path.join(dist, file));
  }
}

for (const face of faces) {
  const dist = path.join(face.folder, "static", "dist");
  const names = await bundle(face);
  await writeManifest(dist, names);
  await removeOld(dist, names);
}
