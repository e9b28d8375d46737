// Copyright 2026 the swagpu authors. MIT license.

// Downloads that fail: errors of the hub, interruptions and mistyped names.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { resolveFiles } from "../../../models/files/hub.ts";
import { Requests } from "../../../host/web/requests.ts";
import { COMMIT, endless, hashOf, tree, WEIGHTS, withHub } from "./_hub.ts";

Deno.test("resolveFiles() says that a repository is missing or needs a token", async () => {
  await withHub(async (hub, resolve) => {
    await assertRejects(
      () => resolve("owner/absent"),
      Deno.errors.NotFound,
      "Cannot download owner/absent at main: there is no such repository or " +
        "revision",
    );
    await assertRejects(
      () => resolve("owner/tiny", { revision: "v9" }),
      Deno.errors.NotFound,
      "Cannot download owner/tiny at v9",
    );
    await assertRejects(
      () => resolve("owner/gated"),
      Deno.errors.PermissionDenied,
      "Cannot download owner/gated at main: it does not exist, or is private " +
        "or gated (status 401): pass a token that has access",
    );
    hub.listing = [];
    await assertRejects(
      () => resolve("owner/gated", { token: "hf_secret" }),
      Deno.errors.NotFound,
      "it lacks config.json",
    );
  });
});

Deno.test("resolveFiles() uses the cache if the hub cannot be reached", async () => {
  await withHub(async (hub, resolve, cache) => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const dead = { endpoint: `http://127.0.0.1:${listener.addr.port}` };
    listener.close();
    await assertRejects(
      () => resolve("owner/tiny", dead),
      Error,
      `Cannot download owner/tiny at main: ${dead.endpoint} cannot be reached`,
    );
    await assertRejects(
      () => resolve("owner/tiny", { offline: true }),
      Error,
      `(the network is switched off) and ${cache} does not hold it`,
    );
    const found = await resolve("owner/tiny");
    for (
      const options of [dead, { offline: true }, { revision: COMMIT, ...dead }]
    ) {
      const again = await resolve("owner/tiny", options);
      assertEquals([again.folder, again.files], [found.folder, found.files]);
    }
    hub.status = 503;
    assertEquals((await resolve("owner/tiny")).folder, found.folder);
    await assertRejects(
      () => resolve("owner/tiny", { files: ["README.md"] }),
      Deno.errors.NotFound,
      "it lacks README.md",
    );
  });
});

Deno.test("resolveFiles() keeps nothing of a download that is interrupted or changed", async () => {
  await withHub(async (hub, resolve, cache) => {
    const weights = (): string[] =>
      tree(cache).filter((name) =>
        name.includes(hashOf("sha256", WEIGHTS)) || name.endsWith(".tmp")
      );
    hub.weights = WEIGHTS.slice(1);
    await assertRejects(
      () => resolve("owner/tiny"),
      Error,
      "Cannot download model.safetensors of owner/tiny: 1799 bytes came, " +
        "expected 1800",
    );
    assertEquals(weights(), []);
    hub.weights = WEIGHTS.replace("not", "NOT");
    await assertRejects(
      () => resolve("owner/tiny"),
      Error,
      "what came has another checksum",
    );
    assertEquals(weights(), []);
    // The file of a download that was killed long ago, and of one that runs.
    const blobs = `${cache}/models--owner--tiny/blobs`;
    const [old, now] = ["old", "now"].map((mark) =>
      `${hashOf("sha256", WEIGHTS)}.${mark}.tmp`
    );
    for (const name of [old, now]) {
      await Deno.writeTextFile(`${blobs}/${name}`, "x");
    }
    await Deno.utime(`${blobs}/${old}`, 0, 0);
    hub.weights = WEIGHTS;
    assertEquals((await resolve("owner/tiny")).files.length, 3);
    assertEquals(
      tree(blobs).filter((name) => name.endsWith(".tmp")),
      [now],
    );
  });
});

Deno.test("resolveFiles() works with a complete cache that cannot be written to", async () => {
  await withHub(async (hub, resolve, cache) => {
    const found = await resolve("owner/tiny");
    const reference = `${cache}/models--owner--tiny/refs/main`;
    const { mtime } = await Deno.stat(reference);
    assertEquals(await resolve("owner/tiny"), found);
    assertEquals((await Deno.stat(reference)).mtime, mtime);
    // A file cannot replace the folder in its place.
    await Deno.remove(reference);
    await Deno.mkdir(`${reference}/x`, { recursive: true });
    const warnings: string[] = [];
    const host = globalThis.console;
    const { warn } = host;
    host.warn = (text: string) => warnings.push(text);
    try {
      assertEquals(await resolve("owner/tiny"), found);
    } finally {
      host.warn = warn;
    }
    assertEquals(warnings.length, 1);
    assert(warnings[0]?.includes(`Cannot remember that main is ${COMMIT}`));
    assertEquals(hub.requests.filter((r) => r.includes("/resolve/")).length, 6);
  });
});

Deno.test("resolveFiles() ends if the hub stalls, and if it is aborted", async () => {
  await withHub(async (hub, resolve) => {
    for (const stall of ["answer", "body", "weights", "drip"] as const) {
      hub.stall = stall;
      const start = performance.now();
      await assertRejects(
        () => resolve("owner/tiny", { timeout: 100 }),
        Error,
        `Cannot download owner/tiny at main: ${hub.endpoint} cannot be reached ` +
          "(fewer than 1024 bytes came in 0.1 s)",
      );
      assert(performance.now() - start < 5000, stall);
    }
    hub.stall = "body";
    await assertRejects(
      () => resolve("owner/tiny", { signal: AbortSignal.timeout(50) }),
      DOMException,
      "due to timeout",
    );
    const reason = new Error("no more");
    await assertRejects(
      () => resolve("owner/tiny", { signal: AbortSignal.abort(reason) }),
      Error,
      "no more",
    );
    for (const timeout of [0, -1, NaN, 2 ** 31]) {
      await assertRejects(
        () => resolve("owner/tiny", { timeout }),
        RangeError,
        `Cannot wait ${timeout} ms for the hub`,
      );
    }
    hub.stall = null;
    assertEquals((await resolve("owner/tiny")).files.length, 3);
  });
});

Deno.test("a body is not read after a signal, even if the signal does not end it", async () => {
  const { fetch } = globalThis;
  const reason = new Error("no more");
  try {
    // Deno does this sometimes, if bytes arrive together with the signal.
    globalThis.fetch = () => Promise.resolve(endless(20));
    for (const stopped of [false, true]) {
      const stop = new AbortController();
      const requests = new Requests({
        timeout: stopped ? 10_000 : 100,
        signal: stop.signal,
      });
      const response = await requests.fetch("http://hub");
      if (stopped) setTimeout(() => stop.abort(reason), 50);
      const start = performance.now();
      await assertRejects(
        () => response.text(),
        Error,
        stopped ? "no more" : "fewer than 1024 bytes came in 0.1 s",
      );
      assert(performance.now() - start < 2000);
    }
  } finally {
    globalThis.fetch = fetch;
  }
});

Deno.test("resolveFiles() asks a busy hub again", async () => {
  await withHub(async (hub, resolve) => {
    hub.busy = 2;
    assertEquals((await resolve("owner/tiny")).files.length, 3);
    hub.busy = 3;
    const again = await resolve("owner/tiny");
    assertEquals(again.files.length, 3); // From the cache.
  });
});

Deno.test("resolveFiles() names the repository and the address of a server that is not a hub", async () => {
  await withHub(async (hub, resolve) => {
    const odd: [string, string][] = [
      ["", "it is not JSON"],
      ["<html></html>", "it is not JSON"],
      ["null", "it has another form"],
      ["[]", "it names the commit nowhere"],
      [`{"sha": "${COMMIT}", "siblings": {}}`, "it has another form"],
      [`{"sha": "${COMMIT}", "siblings": [null]}`, "it has another form"],
      [
        `{"sha": "${COMMIT}", "siblings": [{}]}`,
        "it does not list the repository's files",
      ],
      ['{"sha": "main", "siblings": []}', 'it names the commit "main"'],
    ];
    for (const [body, reason] of odd) {
      hub.body = body;
      await assertRejects(
        () => resolve("owner/tiny"),
        SyntaxError,
        `Cannot download owner/tiny at main: ${hub.endpoint} gave an answer ` +
          `that is not a hub's: ${reason}`,
      );
    }
    hub.body = `{"sha": "${COMMIT}", "siblings": null}`;
    await assertRejects(
      () => resolve("owner/tiny"),
      Deno.errors.NotFound,
      "Cannot download owner/tiny at main: it lacks config.json",
    );
  });
});

Deno.test("resolveFiles() says that a mistyped folder does not exist", async () => {
  await withHub(async (_hub, resolve) => {
    await assertRejects(
      () => resolve("nope"),
      Deno.errors.NotFound,
      "Cannot download nope at main: there is no folder nope here, and there " +
        "is no such repository or revision",
    );
    await assertRejects(
      () => resolve("nope", { offline: true }),
      Error,
      "Cannot download nope at main: there is no folder nope here, and http",
    );
  });
});

Deno.test("resolveFiles() says that a file is not a folder", async () => {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/model.safetensors`;
  await Deno.writeTextFile(file, "");
  const { NotFound } = Deno.errors;
  await assertRejects(
    () => resolveFiles(file),
    NotFound,
    "model.safetensors: it is a file, expected the folder that holds it",
  );
  await assertRejects(
    () => resolveFiles(`${file}/x`),
    NotFound,
    "it is neither a folder nor the id of a hub repository",
  );
  await Deno.remove(folder, { recursive: true });
  // The name could also be that of a repository.
  await assertRejects(
    () => resolveFiles("deno.json", { offline: true, cacheFolder: folder }),
    Error,
    "Cannot download deno.json at main: deno.json is a file here, expected a " +
      "folder, and http",
  );
});

Deno.test("resolveFiles() does not take an interrupted download for the model", async () => {
  await withHub(async (hub, resolve) => {
    hub.weights = "not the weights";
    await assertRejects(() => resolve("owner/tiny"), Error, "Cannot download");
    hub.status = 404;
    const dead = { endpoint: "http://127.0.0.1:1", revision: COMMIT };
    await assertRejects(
      () => resolve("owner/tiny", dead),
      Deno.errors.NotFound,
      "was cut off before model.safetensors, and http://127.0.0.1:1 cannot",
    );
    hub.status = null;
    hub.weights = WEIGHTS;
    const found = await resolve("owner/tiny");
    assertEquals(await resolve("owner/tiny", dead), found);
  });
});
