// Copyright 2026 the swagpu authors. MIT license.

// The peers, and how their workers are started: from the sources, or without a network
// from the bundles that bundle.ts made.

import type { Launch } from "./process.ts";

/** A peer, or the reason why it cannot be measured. */
export interface Peer {
  name: string;
  launch: Launch | { missing: string };
}

/** A script of the project and the configuration that it runs under. */
export interface Script {
  /** The name of the bundle. */
  name: string;
  path: string;
  /** Whether it needs the peers' packages. */
  peer: boolean;
}

/** Scripts that workers run. */
export const SCRIPTS: readonly Script[] = [
  { name: "swagpu", path: "swagpu.ts", peer: false },
  { name: "limits", path: "limits.ts", peer: false },
  { name: "jax", path: "npm/jax.ts", peer: true },
  { name: "tfjs", path: "npm/tfjs.ts", peer: true },
  { name: "ort", path: "npm/ort.ts", peer: true },
];

/** The WebAssembly file that a bundled ort.js is given. */
export const ORT_WASM = "ort-wasm-simd-threaded.asyncify.wasm";

/** A path beside this file, or beside the bundle that holds it. */
function beside(path: string): string {
  return decodeURIComponent(new URL(path, import.meta.url).pathname);
}

/** The folder of the bundles, where this is one of them. */
export function bundledFolder(): string | undefined {
  return import.meta.url.endsWith(".js") ? beside(".") : undefined;
}

const OFFLINE = ["--cached-only", "--no-remote", "--no-npm", "--no-config"];

/** The configuration of a script's packages. */
export function configOf({ peer }: Script): string {
  return beside(peer ? "deno.json" : "../../deno.json");
}

/** How a script's worker is started. */
export function launchScript(
  name: string,
  { bundles, args = [] }: { bundles?: string | undefined; args?: string[] },
): Launch {
  const script = SCRIPTS.find((script) => script.name === name);
  if (!script) throw new Error(`Cannot start ${name}: there is no such script`);
  const command = Deno.execPath();
  // Software Vulkan needs a folder for its sockets.
  const env = { XDG_RUNTIME_DIR: Deno.env.get("XDG_RUNTIME_DIR") ?? "/tmp" };
  if (bundles === undefined) {
    const config = configOf(script);
    const path = beside(script.path);
    return {
      command,
      args: ["run", "-A", "--quiet", "--config", config, path, ...args],
      env,
    };
  }
  const path = `${bundles}/${name}.js`;
  const wasm = name === "ort" ? [`--ort-wasm=${bundles}/${ORT_WASM}`] : [];
  return {
    command,
    args: ["run", "-A", "--quiet", ...OFFLINE, path, ...wasm, ...args],
    env,
  };
}

/** A Python that has PyTorch. */
interface Python {
  command: string;
  torch: string;
  cuda: boolean;
}

const LOOK =
  "import torch; print(torch.__version__, torch.cuda.is_available())";

/** Looks for a Python with PyTorch: `$PYTHON`, then the usual places. */
async function findPython(): Promise<Python | { missing: string }> {
  const given = Deno.env.get("PYTHON");
  const candidates = [
    ...new Set([...given ? [given] : [], "python3", "/usr/bin/python3"]),
  ];
  for (const command of candidates) {
    try {
      const { code, stdout } = await new Deno.Command(command, {
        args: ["-c", LOOK],
        stderr: "null",
      }).output();
      if (code !== 0) continue;
      const [torch = "", cuda] = new TextDecoder().decode(stdout).trim()
        .split(" ");
      return { command, torch, cuda: cuda === "True" };
    } catch {
      // Not installed.
    }
  }
  return { missing: `no Python with torch among ${candidates.join(", ")}` };
}

function torchPeers(
  found: Python | { missing: string },
  folder: string,
): Peer[] {
  const peers: Peer[] = [];
  for (const device of ["cpu", "cuda"]) {
    for (const mode of ["eager", "compiled"]) {
      const name = `torch-${device}${mode === "eager" ? "" : "-compiled"}`;
      if ("missing" in found) {
        peers.push({ name, launch: found });
      } else if (device === "cuda" && !found.cuda) {
        const missing = `PyTorch ${found.torch} finds no CUDA device`;
        peers.push({ name, launch: { missing } });
      } else if (mode === "compiled" && Number.parseInt(found.torch) < 2) {
        const missing = `PyTorch ${found.torch} has no torch.compile`;
        peers.push({ name, launch: { missing } });
      } else {
        const args = ["-B", `${folder}/worker.py`, device, mode];
        peers.push({ name, launch: { command: found.command, args } });
      }
    }
  }
  return peers;
}

/** Finds all peers, with this engine first. */
export async function allPeers(bundles?: string): Promise<Peer[]> {
  const torch = bundles === undefined ? beside("../torch") : `${bundles}/torch`;
  return [
    { name: "swagpu", launch: launchScript("swagpu", { bundles }) },
    { name: "jax-js", launch: launchScript("jax", { bundles }) },
    {
      name: "jax-js-wasm",
      launch: launchScript("jax", { bundles, args: ["--wasm"] }),
    },
    { name: "tfjs-webgpu", launch: launchScript("tfjs", { bundles }) },
    { name: "ort-webgpu", launch: launchScript("ort", { bundles }) },
    ...torchPeers(await findPython(), torch),
  ];
}
