// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.
// A safetensors file as it is written: its head, then tensor after tensor.

import { encodeTensor } from "./safetensors_dtype.ts";
import { layOut } from "./safetensors_header.ts";
import type {
  SafetensorsSource,
  SerializeSafetensorsOptions,
} from "./safetensors.ts";

/** A file that is still to be written. */
export interface SafetensorsChunks {
  /** Bytes of the whole file. */
  readonly size: number;
  /** Its bytes, of which one tensor at a time is asked for. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Lays a file out, and says what is to be written. */
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
