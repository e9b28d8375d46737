// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  type Found,
  isDebianLike,
  planFor,
  refuseAdapter,
  SUDO_COMMAND,
  type System,
} from "../../tools/setup.ts";

const DEBIAN =
  'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n';
const UBUNTU = 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n';
const MINT = 'ID=linuxmint\nID_LIKE="ubuntu debian"\n';
const FEDORA = 'NAME="Fedora Linux"\nID=fedora\nVARIANT_ID=container\n';
const ROCKY = 'ID="rocky"\nID_LIKE="rhel centos fedora"\n';

Deno.test("isDebianLike() is true only for Debian and systems derived from it", () => {
  for (const text of [DEBIAN, UBUNTU, MINT]) assert(isDebianLike(text), text);
  for (const text of [FEDORA, ROCKY, "", 'HOME_URL="debian"\n']) {
    assert(!isDebianLike(text), text);
  }
});

const OPENGL: Found = { name: "llvmpipe", isSoftware: true, backend: "gl" };
const VULKAN: Found = { ...OPENGL, backend: "vulkan" };
const ROOT: System = {
  os: "linux",
  osRelease: DEBIAN,
  uid: 0,
  found: null,
  pinned: "",
  hasDriver: false,
};

Deno.test("planFor() installs the two packages when root runs Debian", () => {
  for (const found of [null, OPENGL]) {
    const plan = planFor({ ...ROOT, found });
    assert(plan.kind === "install");
    assertStringIncludes(plan.message, "mesa-vulkan-drivers libvulkan1");
    assertStringIncludes(plan.message, found ? "Only OpenGL" : "No WebGPU");
    assertEquals(plan.commands.map((command) => command.join(" ")), [
      "apt-get update",
      "apt-get install -y --no-install-recommends mesa-vulkan-drivers libvulkan1",
    ]);
  }
});

Deno.test("planFor() uses an adapter that is not OpenGL without advice", () => {
  for (const backend of ["vulkan", "metal", undefined] as const) {
    const plan = planFor({ ...ROOT, found: { ...VULKAN, backend } });
    assertEquals(plan, { kind: "use", advice: undefined });
  }
});

Deno.test("planFor() uses OpenGL with advice if nothing can be installed", () => {
  const systems: Partial<System>[] = [
    { uid: 1000 },
    { osRelease: FEDORA },
    { osRelease: "" },
    { hasDriver: true },
    { pinned: "gl" },
    { os: "windows", uid: null },
  ];
  for (const system of systems) {
    const plan = planFor({ ...ROOT, found: OPENGL, ...system });
    assert(plan.kind === "use", JSON.stringify(system));
    assertStringIncludes(plan.advice ?? "", "only OpenGL was found");
    assert(!plan.advice?.includes("\n"), "advice is one line");
  }
});

Deno.test("planFor() prints the exact command when the user is not root", () => {
  const plan = planFor({ ...ROOT, osRelease: UBUNTU, uid: 1000 });
  assert(plan.kind === "refuse");
  assertStringIncludes(plan.message, SUDO_COMMAND);
  assertEquals(
    SUDO_COMMAND,
    "sudo apt-get update && sudo apt-get install -y --no-install-recommends " +
      "mesa-vulkan-drivers libvulkan1",
  );
});

Deno.test("planFor() does not install a driver that is installed already", () => {
  const plan = planFor({ ...ROOT, hasDriver: true });
  assert(plan.kind === "refuse");
  assertStringIncludes(plan.message, "VK_DRIVER_FILES");
});

Deno.test("planFor() names a remedy and installs nothing on other systems", () => {
  const cases: [string, string, string][] = [
    ["linux", FEDORA, "vulkan-loader"],
    ["linux", "", "Vulkan driver"],
    ["darwin", "", "Metal"],
    ["windows", "", "Direct3D 12"],
    ["netbsd", "", "netbsd"],
  ];
  for (const [os, osRelease, remedy] of cases) {
    const uid = os === "windows" ? null : 0;
    const plan = planFor({ ...ROOT, os, osRelease, uid });
    assert(plan.kind === "refuse");
    assertStringIncludes(plan.message, remedy);
  }
});

Deno.test("refuseAdapter() refuses software, and no adapter, if a GPU is required", () => {
  const hardware: Found = { ...VULKAN, name: "A GPU", isSoftware: false };
  assertEquals(refuseAdapter(hardware, true), null);
  assertStringIncludes(refuseAdapter(VULKAN, true) ?? "", "llvmpipe");
  assertStringIncludes(refuseAdapter(null, true) ?? "", "REQUIRE_GPU=1");
  for (const found of [hardware, VULKAN, null]) {
    assertEquals(refuseAdapter(found, false), null);
  }
});

const SCRIPT = import.meta.resolve("../../tools/setup.ts");

async function setup(
  args: string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", SCRIPT, ...args],
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

Deno.test("setup passes arguments, output and exit code through", async () => {
  const { code, stdout, stderr } = await setup([
    "eval",
    "console.log(Deno.env.get('XDG_RUNTIME_DIR') !== ''); Deno.exit(7);",
  ]);
  assertEquals({ code, stdout }, { code: 7, stdout: "true\n" });
  assertStringIncludes(stderr, "WebGPU adapter: ");
});

Deno.test("setup limits programs to Vulkan if there is Vulkan", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const { stdout, stderr } = await setup([
    "eval",
    `await navigator.gpu.requestAdapter();
    const maps = await Deno.readTextFile("/proc/self/maps");
    console.log(/libEGL/.test(maps), Deno.env.get("DENO_WEBGPU_BACKEND"));`,
  ]);
  if (!/, Vulkan$/m.test(stderr)) return; // Only OpenGL is available here.
  assertEquals(stdout, "false vulkan\n");
});

Deno.test("setup forwards an interrupt to the program that it runs", {
  ignore: Deno.build.os === "windows",
}, async () => {
  const program = "Deno.addSignalListener('SIGINT', () => Deno.exit(5));" +
    "console.log('ready'); setTimeout(() => Deno.exit(6), 30_000);";
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", SCRIPT, "eval", program],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  child.kill("SIGINT");
  assertEquals((await child.status).code, 5);
  await reader.cancel();
});
