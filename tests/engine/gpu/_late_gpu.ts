// Copyright 2026 the swagpu authors. MIT license.

// A GPU that behaves like a browser's, which reports an error some time after the
// call, possibly after numbers were read. And a GPU that has little memory.

import { type Device, openDevice } from "../../../engine/gpu/device.ts";

/** Options of {@linkcode openLate}. */
export interface LateOptions {
  /** Milliseconds until the outcome of a call is known. @default {20 for all} */
  delay?: () => number;
  /** How many bytes of storage buffers fit its memory. @default {Infinity} */
  memory?: number;
}

/** A device that reports errors late. */
export interface LateDevice {
  readonly device: Device;
  /** Reports that are open now, and the most that were open at once. */
  readonly pending: { now: number; most: number };
}

/** Opens a device behind a wrapper that delays reports or limits memory. */
export async function openLate(
  options: LateOptions = {},
): Promise<LateDevice> {
  const pending = { now: 0, most: 0 };
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error("There is no adapter");
  const requestDevice = adapter.requestDevice.bind(adapter);
  adapter.requestDevice = async (descriptor) =>
    wrap(await requestDevice(descriptor), pending, options);
  const gpu = { requestAdapter: () => Promise.resolve(adapter) } as GPU;
  // Without probes, which would take memory, too.
  const probe = options.memory === undefined;
  return { device: await openDevice({ gpu, probe }), pending };
}

function wrap(
  gpu: GPUDevice,
  pending: LateDevice["pending"],
  { delay = () => 20, memory = Infinity }: LateOptions,
): GPUDevice {
  const later = () => new Promise((done) => setTimeout(done, delay()));
  const scopes: { filter: GPUErrorFilter; failed: boolean }[] = [];
  let used = 0;

  const pushErrorScope = (filter: GPUErrorFilter) => {
    scopes.push({ filter, failed: false });
    gpu.pushErrorScope(filter);
  };
  const popErrorScope = async () => {
    pending.most = Math.max(pending.most, ++pending.now);
    const scope = scopes.pop();
    const [error] = await Promise.all([gpu.popErrorScope(), later()]);
    pending.now--;
    return scope?.failed ? { message: "nothing is left" } : error;
  };
  const createBuffer = (descriptor: GPUBufferDescriptor) => {
    const { size, usage } = descriptor;
    if ((usage & GPUBufferUsage.STORAGE) === 0) {
      return gpu.createBuffer(descriptor);
    }
    if (used + size > memory) {
      const scope = scopes.findLast(({ filter }) => filter === "out-of-memory");
      if (scope) scope.failed = true;
      return invalidBuffer(gpu);
    }
    used += size;
    const buffer = gpu.createBuffer(descriptor);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      used -= size;
      destroy();
    };
    return buffer;
  };
  const addEventListener = (type: "uncapturederror", listen: EventListener) =>
    gpu.addEventListener(type, async (event) => {
      event.preventDefault();
      await later();
      listen(event);
    });
  const own = { pushErrorScope, popErrorScope, createBuffer, addEventListener };
  return new Proxy(gpu, {
    get(target, name) {
      if (name in own) return own[name as keyof typeof own];
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  });
}

/** The buffer that WebGPU returns if there is no memory: using it is an error. */
function invalidBuffer(gpu: GPUDevice): GPUBuffer {
  gpu.pushErrorScope("validation");
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE;
  const buffer = gpu.createBuffer({ size: 16, usage });
  gpu.popErrorScope();
  return buffer;
}
