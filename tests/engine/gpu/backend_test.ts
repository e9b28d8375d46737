// Copyright 2026 the swagpu authors. MIT license.
import { assert, assertEquals } from "@std/assert";
import {
  backendHint,
  backendOf,
  describeAdapter,
} from "../../../engine/gpu/backend.ts";

const DENO = { userAgent: "Deno/2.9.6", platform: "Linux x86_64" };

function adapter(
  subgroups: [number, number],
  maxBindingsPerBindGroup: number,
  backend?: string,
) {
  const [subgroupMinSize, subgroupMaxSize] = subgroups;
  const named = backend === undefined ? {} : { backend };
  return {
    info: { subgroupMinSize, subgroupMaxSize, ...named },
    limits: { maxBindingsPerBindGroup },
  };
}

Deno.test("backendOf() tells Deno's OpenGL from its Vulkan", () => {
  assertEquals(backendOf(adapter([4, 128], 2 ** 32 - 1), DENO), "gl");
  assertEquals(backendOf(adapter([8, 8], 1024), DENO), "vulkan");
  assertEquals(backendOf(adapter([32, 32], 2 ** 32 - 1), DENO), "vulkan");
  assertEquals(backendOf(adapter([4, 128], 1000), DENO), "vulkan");
});

Deno.test("backendOf() names Metal on a Mac and nothing that it cannot know", () => {
  const metal = adapter([4, 64], 2 ** 32 - 1);
  const mac = { ...DENO, platform: "MacIntel" };
  assertEquals(backendOf(metal, mac), "metal");
  const windows = { ...DENO, platform: "Win32" };
  assertEquals(backendOf(adapter([32, 32], 1000), windows), undefined);
  const chrome = { userAgent: "Mozilla/5.0", platform: "Linux x86_64" };
  assertEquals(backendOf(adapter([4, 128], 2 ** 32 - 1), chrome), undefined);
  assertEquals(backendOf(adapter([4, 128], 1000), {}), undefined);
});

Deno.test("backendOf() believes an implementation that names its interface", () => {
  const chrome = { userAgent: "Mozilla/5.0", platform: "Win32" };
  assertEquals(backendOf(adapter([4, 128], 1000, "D3D12"), chrome), "dx12");
  assertEquals(backendOf(adapter([4, 128], 1000, "null"), chrome), undefined);
});

Deno.test("describeAdapter() gives name, kind and interface in one line", () => {
  const llvmpipe = { name: "llvmpipe", isSoftware: true } as const;
  assertEquals(
    describeAdapter({ ...llvmpipe, backend: "gl" }),
    "llvmpipe, software, OpenGL",
  );
  const unknown = { name: "", isSoftware: false, backend: undefined };
  assertEquals(describeAdapter(unknown), "unnamed");
});

Deno.test("backendHint() advises only against OpenGL, in one line", () => {
  assert(backendHint("gl")?.includes("mesa-vulkan-drivers"));
  assert(!backendHint("gl")?.includes("\n"));
  for (const backend of ["vulkan", "metal", "dx12", undefined] as const) {
    assertEquals(backendHint(backend), undefined);
  }
});

Deno.test("backendOf() finds the interface that this process is pinned to", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const script = new URL("../../../engine/gpu/device.ts", import.meta.url);
  // Whether WebGPU itself opens a device is found beside it: some systems have no
  // driver for an interface, or one whose adapter gives no device.
  const code = `import { openDevice } from ${JSON.stringify(script.href)};
    const opens = await navigator.gpu.requestAdapter()
      .then((adapter) => adapter?.requestDevice())
      .then((device) => device !== undefined, () => false);
    try {
      const { backend, hint } = await openDevice();
      console.log(opens, backend, hint !== undefined);
    } catch (error) { console.log(opens, error.name); }`;
  for (const backend of ["vulkan", "gl"]) {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", code],
      env: { DENO_WEBGPU_BACKEND: backend },
    }).output();
    const line = new TextDecoder().decode(stdout).trim();
    const wanted = line.startsWith("true")
      ? `true ${backend} ${backend === "gl"}`
      : "false NoAdapterError";
    assertEquals(line, wanted, `pinned to ${backend}`);
  }
});
