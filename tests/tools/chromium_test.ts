// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  adviceWithout,
  findChromium,
  mayInstall,
} from "../../tools/browser/chromium.ts";

const DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\n';

Deno.test("mayInstall() says yes to root on Debian, and to nobody else", () => {
  assertEquals(mayInstall(DEBIAN, 0), true);
  assertEquals(mayInstall(DEBIAN, 1000), false);
  assertEquals(mayInstall("ID=fedora\n", 0), false);
  assertEquals(mayInstall("", null), false);
});

Deno.test("adviceWithout() has the command to run", () => {
  assertStringIncludes(
    adviceWithout(),
    "\n\n  sudo apt-get update && " +
      "sudo apt-get install -y --no-install-recommends chromium\n",
  );
});

Deno.test("findChromium() uses the browser that CHROMIUM names, or says why not", async () => {
  const before = Deno.env.get("CHROMIUM");
  try {
    Deno.env.set("CHROMIUM", "/no/such/browser");
    await assertRejects(
      () => findChromium(),
      Error,
      "Cannot use CHROMIUM=/no/such/browser: there is no such file",
    );
    Deno.env.set("CHROMIUM", Deno.execPath());
    assertEquals(await findChromium(), Deno.execPath());
  } finally {
    if (before === undefined) Deno.env.delete("CHROMIUM");
    else Deno.env.set("CHROMIUM", before);
  }
});
