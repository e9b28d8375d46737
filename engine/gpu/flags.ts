// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// WebGPU's flags with the values of its specification (sections "Buffer Usages",
// "Buffer Mapping", "Texture Usages" and "GPUShaderStage"). Runtimes have them as
// global objects, but a `GPU` that is given to `openDevice` need not come with any.

/** What a buffer may be used for. */
export const BufferUsage = {
  MAP_READ: 0x0001,
  COPY_SRC: 0x0004,
  COPY_DST: 0x0008,
  UNIFORM: 0x0040,
  STORAGE: 0x0080,
  QUERY_RESOLVE: 0x0200,
} as const;

/** What a texture may be used for. */
export const TextureUsage = { COPY_DST: 0x02, TEXTURE_BINDING: 0x04 } as const;

/** How a buffer is mapped. */
export const MapMode = { READ: 0x0001 } as const;

/** Which stages of a pipeline see a binding. */
export const ShaderStage = { COMPUTE: 0x4 } as const;
