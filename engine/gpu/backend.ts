// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Which interface to the GPU an adapter uses, and how an adapter is described to
// users.

/** The system's own interface to the GPU, on which WebGPU is built. */
export type Backend = "vulkan" | "gl" | "metal" | "dx12";

/** What {@linkcode backendOf} needs to know about an adapter. */
export interface BackendEvidence {
  /** The adapter's description of itself. */
  readonly info: Pick<GPUAdapterInfo, "subgroupMinSize" | "subgroupMaxSize">;
  /** The adapter's limits. */
  readonly limits: { readonly maxBindingsPerBindGroup: number };
}

/** What {@linkcode backendOf} needs to know about the host. */
export interface BackendHost {
  /** The program that runs the script, for example `Deno/2.9.6`. */
  readonly userAgent?: string;
  /** The operating system, for example `Linux x86_64`. */
  readonly platform?: string;
}

/**
 * Finds out which interface an adapter uses, where that can be known.
 *
 * WebGPU does not say. Deno's implementation, wgpu, leaves traces: for OpenGL it
 * reports constants where Vulkan reports the device's own figures, namely
 * subgroups of 4 to 128 and 2³² - 1 bindings in a group. On Linux it supports only
 * these two, and on macOS only Metal. Everywhere else the answer is `undefined`,
 * unless the implementation names the interface, which Dawn can do.
 *
 * @param adapter The adapter.
 * @param host The program and the system, by default `navigator`.
 * @returns The interface, or `undefined` if it cannot be known.
 *
 * @example An adapter of Deno on Linux
 * ```ts
 * import { backendOf } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * const adapter = {
 *   info: { subgroupMinSize: 8, subgroupMaxSize: 8 },
 *   limits: { maxBindingsPerBindGroup: 1000 },
 * };
 * const host = { userAgent: "Deno/2.9.6", platform: "Linux x86_64" };
 * assertEquals(backendOf(adapter, host), "vulkan");
 * ```
 */
export function backendOf(
  adapter: BackendEvidence,
  host: BackendHost = globalThis.navigator ?? {},
): Backend | undefined {
  const { info, limits } = adapter;
  const named = (info as { backend?: string }).backend;
  if (named) return NAMES[named.toLowerCase()];
  if (!host.userAgent?.startsWith("Deno/")) return undefined;
  const platform = host.platform ?? "";
  if (platform.startsWith("Mac")) return "metal";
  const filledIn = info.subgroupMinSize === 4 && info.subgroupMaxSize === 128 &&
    limits.maxBindingsPerBindGroup === 2 ** 32 - 1;
  if (filledIn) return "gl";
  return platform.startsWith("Linux") ? "vulkan" : undefined;
}

const NAMES: Readonly<Record<string, Backend>> = {
  vulkan: "vulkan",
  gl: "gl",
  opengl: "gl",
  opengles: "gl",
  metal: "metal",
  d3d12: "dx12",
  dx12: "dx12",
};

const DISPLAY: Readonly<Record<Backend, string>> = {
  vulkan: "Vulkan",
  gl: "OpenGL",
  metal: "Metal",
  dx12: "Direct3D 12",
};

/**
 * Describes an adapter in one line: `llvmpipe (LLVM 15.0.6, 256 bits), software,
 * Vulkan`.
 *
 * @param device The adapter's name, whether it runs on the CPU, and its interface;
 * a {@linkcode Device} has all three.
 * @returns The line.
 *
 * @example Usage
 * ```ts
 * import { describeAdapter } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * const device = { name: "llvmpipe", isSoftware: true, backend: "gl" } as const;
 * assertEquals(describeAdapter(device), "llvmpipe, software, OpenGL");
 * ```
 */
export function describeAdapter(
  { name, isSoftware, backend }: {
    name: string;
    isSoftware: boolean;
    backend: Backend | undefined;
  },
): string {
  return [
    name || "unnamed",
    ...isSoftware ? ["software"] : [],
    ...backend ? [DISPLAY[backend]] : [],
  ].join(", ");
}

/**
 * Advises users whose adapter works but is a bad choice how to get a better one.
 *
 * @param backend The interface that the adapter uses.
 * @returns One line of advice, or `undefined` if there is nothing to say.
 *
 * @example Usage
 * ```ts
 * import { backendHint } from "@swagpu/swagpu/engine";
 * import { assertEquals, assertStringIncludes } from "@std/assert";
 *
 * assertEquals(backendHint("vulkan"), undefined);
 * assertStringIncludes(backendHint("gl") ?? "", "install a Vulkan driver");
 * ```
 */
export function backendHint(backend: Backend | undefined): string | undefined {
  if (backend !== "gl") return undefined;
  return "only OpenGL was found, which compiles kernels up to a hundred times " +
    "more slowly than Vulkan: install a Vulkan driver (on Debian and Ubuntu: " +
    "sudo apt-get install mesa-vulkan-drivers libvulkan1)";
}
