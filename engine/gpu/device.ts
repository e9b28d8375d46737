// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { type Backend, backendHint, backendOf } from "./backend.ts";
import { DeviceLostError, GpuError, NoAdapterError } from "./errors.ts";
import { Faults } from "./faults.ts";
import { PipelineCache } from "./pipeline.ts";
import { Pool } from "./pool.ts";
import { Stream } from "./stream.ts";
import { MAX_TEXEL_BYTES } from "./texels.ts";

/** Options of {@linkcode initialize}. */
export interface DeviceOptions {
  /**
   * Which adapter to prefer where there are several.
   *
   * @default {"high-performance"}
   */
  powerPreference?: GPUPowerPreference;
  /**
   * The largest binding a kernel may use, in bytes: lowers the adapter's own
   * limit, so that the paths for huge tensors run on small ones.
   *
   * @default {the adapter's limit}
   */
  maxBindingSize?: number;
  /**
   * Whether the first large calls of a kernel family may start a probe of a few
   * milliseconds and MiB, which finds the faster of two variants that give the
   * same bits. Without, large calls run the usual variant.
   *
   * @default {true}
   */
  probe?: boolean;
}

/** A GPU with everything that recording on it needs. */
export class Device {
  /** WebGPU's own device. */
  readonly gpu: GPUDevice;
  /** The adapter's description, such as `llvmpipe (LLVM 15.0.6, 256 bits)`. */
  readonly name: string;
  /** Whether the adapter runs on the CPU: kernels are chosen accordingly. */
  readonly isSoftware: boolean;
  /**
   * The interface to the GPU that WebGPU uses, `undefined` where it cannot be
   * seen, as in browsers.
   */
  readonly backend: Backend | undefined;
  /**
   * Advice to the user in one line, `undefined` where there is none: OpenGL
   * works, but compiles kernels so slowly that it should be a last resort.
   */
  readonly hint: string | undefined;
  /**
   * Turns of loops, all together, that an invocation may take. Mesa's software
   * driver leaves all loops after 65,535 turns, without an error.
   */
  readonly maxTurns: number;
  /** Bytes of the largest binding; larger tensors are handled by windows. */
  readonly maxBindingSize: number;
  /** Whether probes may be run; see {@linkcode DeviceOptions.probe}. */
  readonly canProbe: boolean;
  /** Where buffers come from. */
  readonly pool: Pool;
  /** Compiled kernels. */
  readonly pipelines: PipelineCache;
  /** Where commands are recorded. */
  readonly stream: Stream;
  /** What the GPU says of the calls made to it. */
  readonly faults: Faults;

  /** Use {@linkcode initialize}. */
  constructor(
    gpu: GPUDevice,
    adapter: Pick<GPUAdapter, "info" | "limits">,
    options: DeviceOptions,
  ) {
    const { info } = adapter;
    this.gpu = gpu;
    this.backend = backendOf(adapter);
    this.hint = backendHint(this.backend);
    // The host's clock would time what other code records meanwhile, too.
    this.canProbe = (options.probe ?? true) &&
      gpu.features.has("timestamp-query");
    this.name = info.description || `${info.vendor} ${info.architecture}`;
    this.isSoftware = info.isFallbackAdapter;
    this.maxTurns = this.isSoftware ? 60_000 : Infinity;
    const limit = Math.min(
      gpu.limits.maxStorageBufferBindingSize,
      this.isSoftware ? MAX_TEXEL_BYTES : Infinity,
    );
    this.maxBindingSize = Math.min(options.maxBindingSize ?? limit, limit);
    this.faults = new Faults(gpu);
    this.pipelines = new PipelineCache(gpu, this.faults);
    this.stream = new Stream(gpu, this.pipelines, this.faults);
    this.pool = new Pool(gpu, this.faults, this.maxBindingSize, {
      flush: () => this.stream.flush(),
      beforeDestroy: () => {
        this.stream.flush();
        this.pipelines.dropGroups();
      },
    });
  }

  /**
   * Throws what the GPU has reported since the last check.
   *
   * @throws {GpuError} If a command was refused or memory ran out.
   * @throws {DeviceLostError} If the device is gone; then every call throws.
   */
  check(): void {
    this.faults.check();
  }

  /** Waits until everything recorded so far is done. */
  async synchronize(): Promise<void> {
    await this.stream.wait();
  }

  /**
   * Destroys the device and every tensor on it, once the GPU has done what was
   * recorded: drivers may crash when memory goes while they work on it. Does
   * nothing where the device is gone already.
   *
   * @throws {GpuError} If a command was refused; the device is destroyed then, too.
   */
  async destroy(): Promise<void> {
    if (current === this) current = undefined;
    try {
      if (!this.faults.isLost) await this.stream.wait();
    } catch (error) {
      if (!(error instanceof DeviceLostError)) throw error;
    } finally {
      if (!this.faults.isLost) this.gpu.destroy();
    }
  }

  /** Such as `Device llvmpipe (LLVM 15.0.6, 256 bits) (software)`. */
  toString(): string {
    return `Device ${this.name}${this.isSoftware ? " (software)" : ""}`;
  }

  /** What `console.log` shows in Deno. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /** What `console.log` shows in Node. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

let current: Device | undefined;

/** The latest call of {@linkcode initialize} that is not done yet. */
let opening: Promise<Device> | undefined;
let calls = 0;
/** The call that gave the current device. */
let decided = 0;

/**
 * Opens a GPU and makes it the current one. The first call decides; later
 * calls without options give the same device, also while it is being opened, or
 * open another if it was lost. A call with options opens another device; of
 * calls made at once, the last decides which is current.
 *
 * @throws {NoAdapterError} If the system offers no WebGPU adapter.
 *
 * @example Usage
 * ```ts
 * import { add, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const y = add(tensor([1, 2]), tensor([3, 4]));
 * assertEquals([...await y.data()], [4, 6]);
 * ```
 */
export function initialize(options?: DeviceOptions): Promise<Device> {
  if (!options && opening) return opening;
  if (!options && current && !current.faults.isLost) {
    return Promise.resolve(current);
  }
  const call = ++calls;
  const mine = openDevice(options).then((device) => {
    if (call > decided) { // Else a later call was faster.
      decided = call;
      current = device;
    }
    return device;
  }).finally(() => {
    if (opening === mine) opening = undefined;
  });
  opening = mine;
  return mine;
}

/** Opens a GPU without making it the current one. */
export async function openDevice(options: DeviceOptions = {}): Promise<Device> {
  const { powerPreference = "high-performance" } = options;
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference });
  if (!adapter) throw new NoAdapterError(noAdapterMessage());
  const limits = adapter.limits;
  const gpu = await adapter.requestDevice({
    requiredFeatures: (["timestamp-query"] as const).filter((feature) =>
      adapter.features.has(feature)
    ),
    requiredLimits: {
      maxBufferSize: limits.maxBufferSize,
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxStorageBuffersPerShaderStage: Math.min(
        limits.maxStorageBuffersPerShaderStage,
        16,
      ),
      maxComputeInvocationsPerWorkgroup: Math.min(
        limits.maxComputeInvocationsPerWorkgroup,
        1024,
      ),
      maxComputeWorkgroupSizeX: Math.min(limits.maxComputeWorkgroupSizeX, 1024),
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
    },
  });
  return new Device(gpu, adapter, options);
}

/**
 * The device that new tensors are made on.
 *
 * @throws {GpuError} If {@linkcode initialize} has not been awaited.
 */
export function currentDevice(): Device {
  if (!current) {
    throw new GpuError(
      "Cannot use the GPU: call `await initialize()` once at the start",
    );
  }
  return current;
}

/** Makes a device the current one, and returns the one before. */
export function setDevice(device: Device): Device | undefined {
  const before = current;
  current = device;
  return before;
}

function noAdapterMessage(): string {
  return "Cannot find a WebGPU adapter: install a Vulkan driver for the GPU, " +
    "or, on Debian and Ubuntu, the software one with `sudo apt-get install " +
    "mesa-vulkan-drivers libvulkan1`";
}
