// Copyright 2026 the swagpu authors. MIT license.

/**
 * What `info` tells of the GPU and of the programs that use it.
 *
 * @module
 */

import project from "../deno.json" with { type: "json" };
import { systemGpu } from "../host/mod.ts";
import { describeAdapter, type Device } from "../engine/mod.ts";
import { WIDTH, wrap } from "./arguments.ts";
import { count } from "../data/names.ts";
import { type Runtime, runtime } from "./runtime.ts";
import { bytesText } from "./sizes.ts";

/** The versions of the programs. */
export interface Versions extends Omit<Runtime, "name"> {
  readonly swagpu: string;
  /** The program that runs the commands, and its version. */
  readonly runtime: string;
}

/** The adapter, its limits and its features. */
export interface AdapterFacts {
  readonly adapter: {
    readonly name: string;
    readonly vendor: string;
    readonly architecture: string;
    /** Vulkan and the like; `null` where it cannot be known. */
    readonly backend: string | null;
    readonly software: boolean;
    /** Advice on how to get a better one. */
    readonly hint: string | null;
  };
  /** Bytes of the largest part of a buffer that a kernel of swagpu uses at once. */
  readonly max_binding_size: number;
  /** WebGPU's limits of the device that swagpu opened, under WebGPU's names. */
  readonly limits: Readonly<Record<string, number>>;
  /** What the adapter can do, and which of it swagpu asked for. */
  readonly features: {
    readonly available: readonly string[];
    readonly used: readonly string[];
  };
}

/** The versions of the programs that run. */
export function versions(): Versions {
  const { name, ...rest } = runtime();
  return { swagpu: project.version, runtime: name, ...rest };
}

/** Describes the device that swagpu opened, and its adapter. */
export async function adapterFacts(device: Device): Promise<AdapterFacts> {
  const { gpu, name, backend, isSoftware, hint, maxBindingSize } = device;
  // A device does not say what its adapter could do besides.
  const root = await systemGpu();
  const adapter = await root?.requestAdapter({
    powerPreference: "high-performance",
  });
  const limits: Record<string, number> = {};
  // The limits are getters of the prototype, which only `in` lists.
  for (const key in gpu.limits) {
    const value = gpu.limits[key as keyof GPUSupportedLimits];
    if (typeof value === "number") limits[key] = value;
  }
  return {
    adapter: {
      name,
      vendor: adapter?.info.vendor ?? "",
      architecture: adapter?.info.architecture ?? "",
      backend: backend ?? null,
      software: isSoftware,
      hint: hint ?? null,
    },
    max_binding_size: maxBindingSize,
    limits,
    features: {
      available: [...adapter?.features ?? gpu.features].sort(),
      used: [...gpu.features].sort(),
    },
  };
}

/** The limits that decide how large models and kernels may be. */
const SHOWN_LIMITS: readonly (readonly [string, boolean])[] = [
  ["maxBufferSize", true],
  ["maxStorageBufferBindingSize", true],
  ["maxStorageBuffersPerShaderStage", false],
  ["maxComputeWorkgroupStorageSize", true],
  ["maxComputeInvocationsPerWorkgroup", false],
  ["maxComputeWorkgroupSizeX", false],
  ["maxComputeWorkgroupsPerDimension", false],
];

/** The lines about the programs. */
export function versionLines(
  { swagpu, runtime, v8, typescript, os, arch }: Versions,
): string[] {
  const parts = [
    ...v8 === undefined ? [] : [`V8 ${v8}`],
    ...typescript === undefined ? [] : [`TypeScript ${typescript}`],
  ].join(", ");
  return rows("Versions", [
    ["swagpu", swagpu],
    ["Runtime", parts ? `${runtime} (${parts})` : runtime],
    ["System", `${os} ${arch}`],
  ]);
}

/** The lines about the adapter. */
export function adapterLines(
  { adapter, max_binding_size, limits, features }: AdapterFacts,
  device: Device,
): string[] {
  const { hint } = adapter;
  return [
    ...rows("Adapter", [
      ["Name", describeAdapter(device)],
      ["Backend", adapter.backend ?? "unknown"],
      ["Runs on", adapter.software ? "the CPU" : "a GPU"],
      ...hint === null ? [] : [["Hint", hint] as const],
    ]),
    "",
    ...rows("Limits", [
      ["Largest binding of a kernel", bytesText(max_binding_size)],
      ...SHOWN_LIMITS.flatMap(([name, isSize]) => {
        const value = limits[name];
        if (value === undefined) return [];
        return [[name, isSize ? bytesText(value) : count(value)] as const];
      }),
    ]),
    "",
    ...rows("Features", [
      ["Used", features.used.join(", ") || "none"],
      ["Others", others(features)],
    ]),
  ];
}

function others({ available, used }: AdapterFacts["features"]): string {
  return available.filter((name) => !used.includes(name)).join(", ") || "none";
}

/** A heading with rows of names and values below it, which may take several lines. */
export function rows(
  heading: string,
  list: readonly (readonly [name: string, value: string])[],
): string[] {
  const width = Math.max(...list.map(([name]) => name.length));
  return [
    heading,
    ...list.flatMap(([name, value]) =>
      wrap(value, WIDTH - width - 4).map((line, i) =>
        `  ${(i === 0 ? name : "").padEnd(width)}  ${line}`
      )
    ),
  ];
}
