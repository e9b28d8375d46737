// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What commands on the memory of replicas become: commands on memory as the GPU
// knows it. A dispatch becomes one for all replicas where its kernel has such a
// form (replicated_text.ts) and the adapter's limits allow it, and one for each
// replica otherwise. Both give each replica the bits that it would have alone.

import type { TypedArray } from "../dtype.ts";
import { type Binding, type Block, BLOCK_ALIGNMENT } from "./block.ts";
import type { Kernel } from "./kernel.ts";
import type { Param, PlainParam } from "./observer.ts";
import { type ReplicatedKernel, replicatedKernel } from "./replicated_text.ts";
import {
  isReplicating,
  isReplicaWord,
  ReplicaError,
  replicasOf,
  type ReplicaTable,
  type ReplicaWord,
} from "./replication.ts";

/** A dispatch. */
export interface Dispatch<P = Param> {
  readonly kernel: Kernel;
  readonly bindings: readonly Binding[];
  readonly params: Readonly<Record<string, P>>;
  /** The number of workgroups along each axis. */
  readonly groups: readonly [x: number, y: number, z: number];
}

/** A dispatch as the GPU runs it. */
export type PlainDispatch = Dispatch<PlainParam>;

/** Limits of the adapter. */
export interface DispatchLimits {
  /** Bytes of the largest binding. */
  readonly binding: number;
  /** The most workgroups along an axis. */
  readonly groups: number;
  /** The most buffers that a kernel may bind, without its parameters. */
  readonly buffers: number;
}

/**
 * The dispatches that one becomes.
 *
 * @throws {ReplicaError} If commands are not recorded for its replicas now, or the
 * replicas would write to one place.
 */
export function dispatchesOf(
  call: Dispatch,
  limits: DispatchLimits,
): PlainDispatch[] {
  const { kernel, bindings, params } = call;
  const replicated = bindings.filter(({ block }) => block.replicas);
  const [first] = replicated;
  if (!first) {
    // What no replica owns is used once.
    if (Object.values(params).some(isReplicaWord)) refuseShared(kernel);
    return [call as PlainDispatch];
  }
  let replicas: number[] = [];
  for (const { block: { replicas: space } } of replicated) {
    if (space) replicas = replicasOf(space, `use in ${kernel.name}`);
  }
  if (isReplicating()) {
    const isShared = kernel.bind.some((access, i) =>
      access === "write" && !bindings[i]?.block.replicas
    );
    if (isShared) refuseShared(kernel);
  }
  const joint = replicas.length > 1 ? jointForm(call, limits) : undefined;
  if (!joint) return replicas.map((replica) => forOne(call, replica));
  const most = mostAtOnce(call, joint, limits);
  if (most < 2) return replicas.map((replica) => forOne(call, replica));
  const dispatches: PlainDispatch[] = [];
  for (let start = 0; start < replicas.length; start += most) {
    const end = Math.min(start + most, replicas.length);
    dispatches.push(forMany(call, joint, start, end));
  }
  return dispatches;
}

function refuseShared({ name }: Kernel): never {
  throw new ReplicaError(
    `Cannot write in ${name} to a tensor that several replicas share: make it ` +
      "in run() of the Replicas",
  );
}

/** The dispatch of one replica: that of the kernel as it is. */
function forOne(call: Dispatch, replica: number): PlainDispatch {
  const params: Record<string, PlainParam> = {};
  for (const [name, value] of Object.entries(call.params)) {
    params[name] = isReplicaWord(value) ? valueOf(value, replica) : value;
  }
  const bindings = call.bindings.map((binding) => {
    const { block, offset, size } = binding;
    const { replicas } = block;
    return replicas
      ? block.window(offset + replica * replicas.bytes, size)
      : binding;
  });
  return { ...call, bindings, params };
}

/** The value of a parameter for one replica. */
function valueOf({ table, at }: ReplicaWord, replica: number): number {
  return table.words[replica * table.width + at] ?? 0;
}

/** A dispatch for several replicas. */
interface Joint {
  readonly kernel: ReplicatedKernel;
  /** Bindings that are bound as one. */
  readonly merged: readonly number[];
  /** Where parameters that differ are read from. */
  readonly table: ReplicaTable | undefined;
}

/** The kernel that does a dispatch for several replicas, if there is one. */
function jointForm(
  { kernel, bindings, params }: Dispatch,
  { buffers }: DispatchLimits,
): Joint | undefined {
  const written = bindings.map((_, i) => i)
    .filter((i) => kernel.bind[i] === "write");
  const blockOf = (i: number) => bindings[i]?.block;
  const merged = written.filter((i) =>
    written.some((k) => k !== i && blockOf(k) === blockOf(i))
  );
  if (merged.some((i) => blockOf(i) !== blockOf(merged[0] ?? i))) {
    return undefined;
  }
  const words: [string, number][] = [];
  let table: ReplicaTable | undefined;
  for (const [name, value] of Object.entries(params)) {
    if (!isReplicaWord(value)) continue;
    if (table && value.table !== table) return undefined;
    table = value.table;
    words.push([name, value.at]);
  }
  const width = table?.width ?? 0;
  const form = replicatedKernel(kernel, { merged, words, width });
  const bound = form?.kernel.bind.filter((access) => access !== "texels") ?? [];
  // A table may be one buffer too many.
  return form && bound.length <= buffers
    ? { kernel: form, merged, table }
    : undefined;
}

/** Bytes of a mirror that may hold more than the operands of a dispatch. */
const THIN_MIRROR = 2 ** 20;

/** How many replicas one dispatch may be for. */
function mostAtOnce(
  { kernel: { bind }, bindings, groups: [, , depth] }: Dispatch,
  { merged }: Joint,
  { binding: largest, groups: most }: DispatchLimits,
): number {
  let count = Math.floor(most / depth);
  const fit = (size: number, bytes: number, room = largest) =>
    count = Math.min(count, 1 + Math.floor((room - size) / bytes));
  bindings.forEach(({ block: { replicas }, size }, i) => {
    if (!replicas) return;
    // A mirror holds all that lies between the replicas' operands as well.
    const isThin = bind[i] === "texels" && replicas.bytes > 2 * size;
    fit(size, replicas.bytes, isThin ? THIN_MIRROR : largest);
  });
  const span = spanOf(merged.map((i) => bindings[i] as Binding));
  const [first] = merged;
  const space = first === undefined
    ? undefined
    : bindings[first]?.block.replicas;
  if (space) fit(span.size, space.bytes);
  return count;
}

/** The smallest range that holds all of several bindings of a block. */
function spanOf(
  bindings: readonly Binding[],
): { offset: number; size: number } {
  const offset = Math.min(...bindings.map(({ offset }) => offset));
  const end = Math.max(...bindings.map(({ offset, size }) => offset + size));
  return { offset, size: end - offset };
}

/** The dispatch of the replicas from `start` to `end`. */
function forMany(
  { bindings, params, groups: [x, y, z] }: Dispatch,
  { kernel: { kernel, units }, merged, table }: Joint,
  start: number,
  end: number,
): PlainDispatch {
  const values: Record<string, PlainParam> = { replica_depth: z };
  for (const [name, value] of Object.entries(params)) {
    values[name] = isReplicaWord(value) ? 0 : value;
  }
  if (table) values.replica_first = start;
  const bound: Binding[] = [];
  const span = spanOf(merged.map((i) => bindings[i] as Binding));
  bindings.forEach((binding, i) => {
    const { block } = binding;
    const step = block.replicas?.bytes ?? 0;
    const unit = units[i] ?? 4;
    values[`replica_step${i}`] = step / unit;
    let { offset, size } = binding;
    if (merged.includes(i)) {
      values[`replica_from${i}`] = (offset - span.offset) / unit;
      if (i !== merged[0]) return;
      ({ offset, size } = span);
    }
    bound.push(
      step === 0 ? binding : block.window(
        offset + start * step,
        size + (end - start - 1) * step,
      ),
    );
  });
  if (table) bound.push(table.binding);
  const groups = [x, y, z * (end - start)] as const;
  return { kernel, bindings: bound, params: values, groups };
}

/** A range of a buffer. */
export interface ByteRange {
  readonly offset: number;
  readonly bytes: number;
}

/** The ranges of a block that a command on one range of each replica is for. */
export function rangesOf(
  { replicas: space }: Block,
  { offset, bytes }: ByteRange,
  action: string,
): ByteRange[] {
  if (!space) return [{ offset, bytes }];
  const replicas = replicasOf(space, action);
  if (replicas.length > 1 && isWhole(space.bytes, { offset, bytes })) {
    return [{ offset, bytes: space.count * space.bytes }];
  }
  return replicas.map((replica) => ({
    offset: offset + replica * space.bytes,
    bytes,
  }));
}

/**
 * The range of a block that is read.
 *
 * @throws {ReplicaError} If it belongs to several replicas.
 */
export function readRangeOf<R extends ByteRange & { readonly block: Block }>(
  range: R,
): R {
  const { block: { replicas: space }, offset } = range;
  if (!space) return range;
  const [replica = 0, ...others] = replicasOf(space, "read");
  if (others.length > 0) {
    throw new ReplicaError(
      `Cannot read a tensor of ${space.count} replicas as one: call data() ` +
        "of the Replicas",
    );
  }
  return { ...range, offset: offset + replica * space.bytes };
}

/** Whether a range is all that a replica has, but for its padding. */
function isWhole(space: number, { offset, bytes }: ByteRange): boolean {
  return space > 0 && offset === 0 && bytes > space - BLOCK_ALIGNMENT;
}

/** The copies that one becomes. */
export function copiesOf(
  source: Binding,
  target: Binding,
  bytes: number,
): [source: Binding, target: Binding, bytes: number][] {
  const [from, to] = [source.block.replicas, target.block.replicas];
  if (!from && !to) return [[source, target, bytes]];
  const space = from ?? to;
  const replicas = space ? replicasOf(space, "copy") : [];
  if (to && to !== space) replicasOf(to, "copy to");
  if (!to && replicas.length > 1) {
    throw new ReplicaError(
      "Cannot copy to a tensor that several replicas share: make it in run() " +
        "of the Replicas",
    );
  }
  const step = from?.bytes === to?.bytes ? from?.bytes ?? 0 : 0;
  if (
    replicas.length > 1 && source.offset === 0 &&
    isWhole(step, { offset: target.offset, bytes })
  ) {
    const size = replicas.length * step;
    return [[source.block.window(0, size), target.block.window(0, size), size]];
  }
  const move = ({ block, offset, size }: Binding, replica: number) =>
    block.window(offset + replica * (block.replicas?.bytes ?? 0), size);
  return replicas.map((
    replica,
  ) => [move(source, replica), move(target, replica), bytes]);
}

/** The uploads that one becomes: each replica receives the same values. */
export function uploadsOf(
  block: Block,
  offset: number,
  values: TypedArray,
): [offset: number, values: TypedArray][] {
  const space = block.replicas;
  if (!space) return [[offset, values]];
  const bytes = values.byteLength;
  const ranges = rangesOf(block, { offset, bytes }, "write to");
  const [first] = ranges;
  if (ranges.length > 1 || !first || first.bytes === bytes) {
    return ranges.map(({ offset }) => [offset, values]);
  }
  const all = new Uint8Array(first.bytes);
  const one = new Uint8Array(values.buffer, values.byteOffset, bytes);
  for (let at = 0; at < all.length; at += space.bytes) all.set(one, at);
  return [[offset, new Uint32Array(all.buffer)]];
}
