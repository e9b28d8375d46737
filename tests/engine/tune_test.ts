// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { fillInto } from "../../engine/ops/inplace.ts";
import { allocate } from "../../engine/tensor.ts";
import {
  chooseVariant,
  chosen,
  defineVariants,
  pin,
  pinned,
  tune,
  type TuneStore,
  variantsOf,
} from "../../engine/tune.ts";
import { fileTuneStore } from "../../engine/tune_file.ts";
import { openDevice } from "../../engine/device.ts";
import { gpuTest } from "../_check.ts";

/** A store in memory that counts its writes. */
function memoryStore(): TuneStore & {
  text: string | undefined;
  writes: number;
} {
  return {
    text: undefined,
    writes: 0,
    read() {
      return Promise.resolve(this.text);
    },
    write(text) {
      this.text = text;
      this.writes++;
      return Promise.resolve();
    },
  };
}

/** A family whose variant "slow" fills a tensor a thousand times over. */
function defineFamily(name: string): { runs: number } {
  const counter = { runs: 0 };
  defineVariants(name, ["slow", "fast"], {
    classes: { only: [65536] },
    run: (device, [size = 0]) => {
      const x = allocate(device, [size]);
      return () => {
        counter.runs++;
        const variant = chooseVariant(device, name, "only", () => "fast");
        const times = variant === "slow" ? 200 : 1;
        for (let i = 0; i < times; i++) fillInto(x, i);
      };
    },
  });
  return counter;
}

Deno.test("pin() makes a variant run until it is taken back", () => {
  defineVariants("pinning", ["one", "two"]);
  assertEquals(variantsOf("pinning"), ["one", "two"]);
  assertEquals(variantsOf("unheard of"), []);
  assertEquals(pinned("pinning"), undefined);
  pin("pinning", "two");
  assertEquals(pinned("pinning"), "two");
  pin("pinning", undefined);
  assertEquals(pinned("pinning"), undefined);
});

Deno.test("pin() throws when the family has no such variant", () => {
  defineVariants("pinning", ["one", "two"]);
  assertThrows(
    () => pin("pinning", "three"),
    RangeError,
    'Cannot pin pinning to "three": its variants are one, two',
  );
});

gpuTest(
  "chooseVariant() takes the default, and the pinned before it",
  (device) => {
    defineVariants("choosing", ["one", "two"]);
    assertEquals(chooseVariant(device, "choosing", "any", () => "one"), "one");
    assertEquals(chosen()["choosing/any"], "one");
    pin("choosing", "two");
    assertEquals(chooseVariant(device, "choosing", "any", () => "one"), "two");
    assertEquals(chosen()["choosing/any"], "two");
    pin("choosing", undefined);
  },
);

gpuTest("tune() finds the faster variant and measures once", async (device) => {
  const counter = defineFamily("racing");
  const cache = memoryStore();
  const options = { families: ["racing"], cache };
  const result = await tune(device, options);
  assertEquals(result["racing/only"], "fast");
  assertEquals(pinned("racing"), undefined);
  assertEquals(chosen()["racing/only"], undefined); // only trials ran it
  assertEquals(chooseVariant(device, "racing", "only", () => "slow"), "fast");
  const { runs } = counter;
  await tune(device, options);
  assertEquals([counter.runs, cache.writes], [runs, 1]);
});

Deno.test("tune() takes what the cache knows of the adapter", async () => {
  const counter = defineFamily("remembering");
  const device = await openDevice();
  const cache = memoryStore();
  const other = { "another adapter": { "remembering/only": "fast" } };
  cache.text = JSON.stringify({
    ...other,
    [device.name]: { "remembering/only": "slow" },
  });
  const options = { families: ["remembering"], cache };
  assertEquals((await tune(device, options))["remembering/only"], "slow");
  assertEquals([counter.runs, cache.writes], [0, 0]);
  await device.destroy();
});

Deno.test("tune() measures anew when the cache is damaged, and keeps other adapters", async () => {
  for (const text of ["{", '{"another adapter":{"a/b":"c"}}']) {
    defineFamily("damaged");
    const device = await openDevice();
    const cache = memoryStore();
    cache.text = text;
    await tune(device, { families: ["damaged"], cache });
    const written = JSON.parse(cache.text);
    assertEquals(written[device.name], { "damaged/only": "fast" });
    assertEquals("another adapter" in written, text !== "{");
    await device.destroy();
  }
});

gpuTest("tune() rejects a family that cannot be measured", async (device) => {
  await assertRejects(
    () => tune(device, { families: ["unheard of"] }),
    RangeError,
    'Cannot tune "unheard of"',
  );
});

Deno.test("fileTuneStore() keeps the text in a file, and makes its folder", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const store = fileTuneStore(`${folder}/deep/tune.json`);
    assertEquals(await store.read(), undefined);
    await store.write("first");
    await store.write("second");
    assertEquals(await store.read(), "second");
    const names = [...Deno.readDirSync(`${folder}/deep`)].map(({ name }) =>
      name
    );
    assertEquals(names, ["tune.json"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("fileTuneStore() defaults to the user's cache folder", async () => {
  const folder = await Deno.makeTempDir();
  const before = Deno.env.get("XDG_CACHE_HOME");
  try {
    Deno.env.set("XDG_CACHE_HOME", folder);
    await fileTuneStore().write("{}");
    assert((await Deno.stat(`${folder}/swagpu/tune.json`)).isFile);
  } finally {
    if (before === undefined) Deno.env.delete("XDG_CACHE_HOME");
    else Deno.env.set("XDG_CACHE_HOME", before);
    await Deno.remove(folder, { recursive: true });
  }
});
