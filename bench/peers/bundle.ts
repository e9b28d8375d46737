// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

// Bundles every script of the benches with all its imports into out/peers/, so that
// they run without a network:
//
//   deno run -A --config bench/peers/deno.json bench/peers/bundle.ts
//   deno run -A --cached-only --no-remote --no-npm --no-config out/peers/main.js
//
// main.js is bench:peers and gpu.js is bench:gpu, with the same options.

import { configOf, ORT_WASM, type Script, SCRIPTS } from "./launches.ts";

const OUTPUT = new URL("../../out/peers/", import.meta.url);

/** The scripts that start the others. */
const COMMANDS: readonly Script[] = [
  { name: "main", path: "main.ts", peer: true },
  { name: "gpu", path: "gpu.ts", peer: true },
];

async function bundle(script: Script): Promise<void> {
  const source = new URL(script.path, import.meta.url);
  const target = new URL(`${script.name}.js`, OUTPUT);
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--minify",
      "--platform",
      "deno",
      "--config",
      configOf(script),
      "--output",
      path(target),
      path(source),
    ],
  }).output();
  if (code !== 0) {
    throw new Error(`Cannot bundle ${script.path}: code ${code}`);
  }
  const { size } = await Deno.stat(target);
  console.log(`${path(target)}: ${(size / 2 ** 20).toFixed(2)} MiB`);
}

function path(url: URL): string {
  return decodeURIComponent(url.pathname);
}

if (import.meta.main) {
  const torch = new URL("torch/", OUTPUT);
  await Deno.mkdir(torch, { recursive: true });
  for (const script of [...SCRIPTS, ...COMMANDS]) await bundle(script);
  const ort = import.meta.resolve("onnxruntime-web/webgpu");
  await Deno.copyFile(new URL(ORT_WASM, ort), new URL(ORT_WASM, OUTPUT));
  const sources = new URL("../torch/", import.meta.url);
  for await (const { name } of Deno.readDir(sources)) {
    if (name.endsWith(".py")) {
      await Deno.copyFile(new URL(name, sources), new URL(name, torch));
    }
  }
}
