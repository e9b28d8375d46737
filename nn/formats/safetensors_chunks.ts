// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The bytes of a safetensors file in the order of writing: its header, then its
// tensors in turn.

import { encodeTensor } from "./safetensors_dtype.ts";
import { layOut } from "./safetensors_layout.ts";
import type {
  SafetensorsSource,
  SerializeSafetensorsOptions,
} from "./safetensors.ts";

/** The bytes of a file to write. */
export interface SafetensorsChunks {
  /** The size of the whole file in bytes. */
  readonly size: number;
  /** The bytes. Each tensor is asked for when the file reaches it. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Lays out a file of tensors. */
export function safetensorsChunks(
  tensors: Iterable<readonly [string, SafetensorsSource]>,
  options: SerializeSafetensorsOptions = {},
): SafetensorsChunks {
  const { metadata = { format: "pt" } } = options;
  const layout = layOut(tensors, metadata);
  return { size: layout.size, chunks: chunks(layout) };
}

async function* chunks(
  layout: ReturnType<typeof layOut<SafetensorsSource>>,
): AsyncGenerator<Uint8Array> {
  yield layout.head;
  for (const { name, tensor } of layout.tensors) {
    const { data } = tensor;
    yield encodeTensor(
      name,
      tensor,
      typeof data === "function" ? await data() : data,
    );
  }
}
