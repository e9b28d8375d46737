// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/** The system's own interface to the GPU, on which WebGPU stands. */
export type Backend = "vulkan" | "gl" | "metal" | "dx12";

/** What {@linkcode backendOf} looks at. */
export interface BackendEvidence {
  /** The adapter's description of itself. */
  readonly info: Pick<GPUAdapterInfo, "subgroupMinSize" | "subgroupMaxSize">;
  /** The adapter's limits. */
  readonly limits: { readonly maxBindingsPerBindGroup: number };
}

/** What {@linkcode backendOf} looks at besides the adapter. */
export interface BackendHost {
  /** The program that runs the script, such as `Deno/2.9.6`. */
  readonly userAgent?: string;
  /** The system, such as `Linux x86_64`. */
  readonly platform?: string;
}

/**
 * Tells which interface an adapter uses, as far as can be seen.
 *
 * WebGPU does not say. Deno's implementation, wgpu, leaves traces: for OpenGL it
 * fills in constants where Vulkan reports the device's own figures, namely
 * subgroups of 4 to 128 and 2³² - 1 bindings a group. On Linux it has these two
 * alone, and on macOS Metal alone. Everywhere else the answer is `undefined`,
 * unless the implementation names the interface as Dawn may.
 *
 * @param adapter The adapter.
 * @param host The program and the system. @default {navigator}
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
 * One line that names an adapter: `llvmpipe (LLVM 15.0.6, 256 bits), software,
 * Vulkan`.
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
 * What a user should know of an adapter that works, and how to get a better
 * one, in one line; `undefined` where there is nothing to say.
 */
export function backendHint(backend: Backend | undefined): string | undefined {
  if (backend !== "gl") return undefined;
  return "only OpenGL was found, which compiles kernels up to a hundred times " +
    "more slowly than Vulkan: install a Vulkan driver (on Debian and Ubuntu: " +
    "sudo apt-get install mesa-vulkan-drivers libvulkan1)";
}
