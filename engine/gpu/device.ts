// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The GPU that tensors live on, and how it is opened.

import { adapterAdvice } from "../../host/inside.ts";
import { systemGpu } from "../../host/mod.ts";
import { type Backend, backendHint, backendOf } from "./backend.ts";
import { BLOCK_ALIGNMENT } from "./block.ts";
import { DeviceLostError, GpuError, NoAdapterError } from "./errors.ts";
import { Faults } from "./faults.ts";
import { PipelineCache } from "./pipeline.ts";
import { Pool } from "./pool.ts";
import { Stream } from "./stream.ts";
import { MAX_TEXEL_BYTES } from "./texels.ts";

/** Options of {@linkcode initialize}. */
export interface DeviceOptions {
  /**
   * The WebGPU to use, such as Dawn's: `create([])` of the npm package `webgpu`.
   *
   * @default {`navigator.gpu`; where a runtime has none, that of the npm package
   * `webgpu`, if it is installed}
   */
  gpu?: GPU;
  /**
   * Which adapter to prefer if there are several.
   *
   * @default {"high-performance"}
   */
  powerPreference?: GPUPowerPreference;
  /**
   * The largest binding that a kernel may use, in bytes. It can only lower the
   * adapter's own limit, so that code for huge tensors can be tested on small
   * ones. It is rounded down to a multiple of 256.
   *
   * @default {the adapter's limit}
   */
  maxBindingSize?: number;
  /**
   * Whether the first large call of a kernel family may start a probe, which
   * finds the faster of two variants that give the same bits and takes a few
   * milliseconds and MiB. Without probes, large calls run the usual variant.
   *
   * @default {true}
   */
  probe?: boolean;
}

/**
 * A GPU, with the memory that tensors take and the commands that are recorded.
 *
 * @example Figures of a device
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const device = await initialize();
 * const { inUse } = device.pool.statistics();
 * tensor([1, 2, 3]);
 * assertEquals(device.pool.statistics().inUse, inUse + 256);
 * assert(device.maxBindingSize >= 2 ** 20);
 * ```
 */
export class Device {
  /** WebGPU's own device. */
  readonly gpu: GPUDevice;
  /** The adapter's description, for example `llvmpipe (LLVM 15.0.6, 256 bits)`. */
  readonly name: string;
  /** Whether the adapter runs on the CPU, where other kernels are fast. */
  readonly isSoftware: boolean;
  /**
   * The interface to the GPU that WebGPU uses; `undefined` where it cannot be
   * known, as in browsers.
   */
  readonly backend: Backend | undefined;
  /**
   * One line of advice for users, or `undefined`. OpenGL works, but compiles
   * kernels so slowly that it should be a last resort.
   */
  readonly hint: string | undefined;
  /**
   * How many turns all loops of an invocation may take together. Mesa's software
   * driver leaves all loops after 65,535 turns, without an error.
   */
  readonly maxTurns: number;
  /**
   * Bytes of the largest binding, a multiple of 256; kernels take larger tensors
   * in parts.
   */
  readonly maxBindingSize: number;
  /** Bytes of memory that the invocations of a workgroup may share. */
  readonly workgroupMemory: number;
  /** Whether probes may be run; see {@linkcode DeviceOptions.probe}. */
  readonly canProbe: boolean;
  /** The memory of tensors. */
  readonly pool: Pool;
  /**
   * The compiled kernels.
   *
   * @internal
   */
  readonly pipelines: PipelineCache;
  /** The commands: recorded, submitted and read back. */
  readonly stream: Stream;
  /**
   * The errors that the GPU has reported.
   *
   * @internal
   */
  readonly faults: Faults;

  /**
   * Wraps a device of WebGPU. {@linkcode initialize} opens one.
   *
   * @param gpu WebGPU's own device.
   * @param adapter The adapter that opened it.
   * @param options Limits to set.
   */
  constructor(
    gpu: GPUDevice,
    adapter: Pick<GPUAdapter, "info" | "limits">,
    options: DeviceOptions,
  ) {
    const { info } = adapter;
    this.gpu = gpu;
    this.backend = backendOf(adapter);
    this.hint = backendHint(this.backend);
    // Without the GPU's clock, the work of other code would be timed, too.
    this.canProbe = (options.probe ?? true) &&
      gpu.features.has("timestamp-query");
    this.name = info.description || `${info.vendor} ${info.architecture}`;
    this.isSoftware = info.isFallbackAdapter;
    this.maxTurns = this.isSoftware ? 60_000 : Infinity;
    const limit = Math.min(
      gpu.limits.maxStorageBufferBindingSize,
      this.isSoftware ? MAX_TEXEL_BYTES : Infinity,
    );
    // Tensors take memory in multiples of 256 bytes. NVIDIA's limit of 2³¹ - 4
    // bytes is not such a multiple. What exceeds the last multiple is left unused:
    // the elements of a tensor would fit there, but not the memory it takes.
    const asked = Math.min(options.maxBindingSize ?? limit, limit);
    this.maxBindingSize = asked - asked % BLOCK_ALIGNMENT;
    this.workgroupMemory = gpu.limits.maxComputeWorkgroupStorageSize;
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
   * Throws the first error that the GPU has reported since the last check.
   *
   * @throws {GpuError} If a command was refused or memory ran out.
   * @throws {DeviceLostError} If the device is lost; then every call throws.
   */
  check(): void {
    this.faults.check();
  }

  /**
   * Waits until the GPU has done everything that was recorded so far.
   *
   * @throws {GpuError} If a command was refused or memory ran out.
   */
  async synchronize(): Promise<void> {
    await this.stream.wait();
  }

  /**
   * Destroys the device and every tensor on it, after the GPU has done what was
   * recorded: drivers may crash if memory is freed while they work on it. Does
   * nothing if the device is lost already.
   *
   * @throws {GpuError} If a command was refused; the device is destroyed anyway.
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

  /** Describes it: `Device llvmpipe (LLVM 15.0.6, 256 bits) (software)`. */
  toString(): string {
    return `Device ${this.name}${this.isSoftware ? " (software)" : ""}`;
  }

  /** The description that `console.log` prints in Deno. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /** The description that `console.log` prints in Node. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

let current: Device | undefined;

/** The latest call of {@linkcode initialize} that is still in progress. */
let opening: Promise<Device> | undefined;
let calls = 0;
/** The number of the call that opened the current device. */
let decided = 0;

/**
 * Opens a GPU and makes it the current device, on which new tensors are made.
 *
 * Later calls without options return the same device, also while it is still
 * being opened; if it was lost, they open another one. A call with options always
 * opens another device. If several calls are in progress, the last one decides
 * which device becomes the current one.
 *
 * @param options Which adapter to open, and limits to set.
 * @returns The device.
 * @throws {NoAdapterError} If the system offers no WebGPU adapter, or one that
 * gives no device.
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
    if (call > decided) { // Otherwise a later call was faster.
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

/**
 * Opens a GPU without making it the current device.
 *
 * @param options Which adapter to open, and limits to set.
 * @returns The device.
 * @throws {NoAdapterError} If the system offers no WebGPU adapter, or one that
 * gives no device.
 *
 * @example A tensor on a second device
 * ```ts
 * import { openDevice, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * const device = await openDevice();
 * assertEquals(await tensor([7], { device }).item(), 7);
 * await device.destroy();
 * ```
 */
export async function openDevice(options: DeviceOptions = {}): Promise<Device> {
  const { powerPreference = "high-performance" } = options;
  const root = options.gpu ?? await systemGpu();
  const adapter = await root?.requestAdapter({ powerPreference });
  if (!adapter) {
    throw new NoAdapterError(
      `Cannot find a WebGPU adapter: ${adapterAdvice(root)}`,
    );
  }
  const limits = adapter.limits;
  const asked: GPUDeviceDescriptor = {
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
  };
  let gpu: GPUDevice;
  try {
    gpu = await adapter.requestDevice(asked);
  } catch (cause) {
    const { description, vendor, architecture } = adapter.info;
    const name = description || `${vendor} ${architecture}`.trim() || "unnamed";
    throw new NoAdapterError(
      `Cannot open the WebGPU adapter ${name}: ` +
        (cause instanceof Error ? cause.message : String(cause)),
      { cause },
    );
  }
  return new Device(gpu, adapter, options);
}

/**
 * Returns the device that new tensors are made on.
 *
 * @returns The current device.
 * @throws {GpuError} If {@linkcode initialize} has not been awaited.
 *
 * @example Usage
 * ```ts
 * import { currentDevice, initialize } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * const device = await initialize();
 * assertEquals(currentDevice(), device);
 * ```
 */
export function currentDevice(): Device {
  if (!current) {
    throw new GpuError(
      "Cannot use the GPU: call `await initialize()` once at the start",
    );
  }
  return current;
}

/**
 * Makes a device the current one.
 *
 * @param device The device that new tensors are made on from now on.
 * @returns The device that was current before, if there was one.
 *
 * @example Working on another device for a while
 * ```ts
 * import { initialize, openDevice, setDevice, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * const device = await initialize();
 * const other = await openDevice();
 * setDevice(other);
 * assertEquals(tensor([1]).device, other);
 * setDevice(device);
 * await other.destroy();
 * ```
 */
export function setDevice(device: Device): Device | undefined {
  const before = current;
  current = device;
  return before;
}
