// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The one buffer of a captured step that the host writes. It holds the
// parameters of all dispatches and the values of all uploads. Everything that
// changes from replay to replay comes first, so that it goes up in one write
// before the first command; the rest is written once.

import { alignBytes } from "../gpu/block.ts";
import { PARAMS_BYTES } from "../gpu/pipeline.ts";
import type { ReplayParam } from "../gpu/observer.ts";
import type { Command } from "./recording.ts";

/** A recorded dispatch. */
export type Dispatch = Extract<Command, { kind: "dispatch" }>;

/** A recorded upload. */
export type Upload = Extract<Command, { kind: "upload" }>;

/** A word of the buffer that is set again at every replay. */
export interface BufferWord {
  /** The index of the word in the buffer. */
  readonly word: number;
  /** Where its value is read from. */
  readonly param: ReplayParam;
  readonly type: "u32" | "i32" | "f32";
}

/** The buffer: where things lie in it and what it holds at first. */
export interface UniformLayout {
  /** For each dispatch the offset of its parameters in bytes. */
  readonly offsets: Uint32Array<ArrayBuffer>;
  /** For each upload the offset of its values in bytes. */
  readonly uploadOffsets: ReadonlyMap<Upload, number>;
  /** The words to set at every replay. */
  readonly words: readonly BufferWord[];
  /** The bytes to write at every replay, from the start of the buffer. */
  readonly renewedBytes: number;
  /** The whole buffer, as the recorded run filled it. */
  readonly contents: Uint8Array<ArrayBuffer>;
}

/** Lays the buffer of a step out: renewed uploads come first, in order. */
export function layOutUniforms(
  dispatches: readonly Dispatch[],
  uploads: readonly Upload[],
): UniformLayout {
  const uploadOffsets = new Map<Upload, number>();
  const paramOffsets = new Map<Dispatch, number>();
  let size = 0;
  const placeUploads = (isRenewed: boolean) => {
    for (const upload of uploads) {
      if (upload.isRenewed !== isRenewed) continue;
      uploadOffsets.set(upload, size);
      size += alignBytes(upload.bytes.length);
    }
  };
  const placeParams = (areRenewed: boolean) => {
    for (const dispatch of dispatches) {
      if (dispatch.replayWords.length > 0 !== areRenewed) continue;
      paramOffsets.set(dispatch, size);
      size += PARAMS_BYTES;
    }
  };
  placeUploads(true);
  placeParams(true);
  const renewedBytes = size;
  placeParams(false);
  placeUploads(false);

  const contents = new Uint8Array(Math.max(size, PARAMS_BYTES));
  for (const [{ bytes }, offset] of uploadOffsets) contents.set(bytes, offset);
  for (const [{ words }, offset] of paramOffsets) {
    contents.set(new Uint8Array(words.buffer), offset);
  }
  const offsetOf = (dispatch: Dispatch) => paramOffsets.get(dispatch) ?? 0;
  return {
    offsets: Uint32Array.from(dispatches, offsetOf),
    uploadOffsets,
    words: dispatches.flatMap((dispatch) =>
      dispatch.replayWords.map(({ word, param, type }) => ({
        word: offsetOf(dispatch) / 4 + word,
        param,
        type,
      }))
    ),
    renewedBytes,
    contents,
  };
}
