// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  disk,
  type DiskAt,
  exists,
  type FetchProgress,
  mount,
  readText,
  urlDisk,
  writeTextAtomically,
} from "../../host/mod.ts";
import { DiskReader } from "../../nn/formats/mod.ts";
import { type Server, withServer } from "./_server.ts";

/** Bytes of which no two stretches are alike. */
function pattern(size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) % 251);
}

const MEGABYTE = 2 ** 20;

/** Reads a range of a file of the server. */
async function read(
  path: string,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  using file = await DiskReader.open(path);
  return await file.read(offset, length);
}

/** Calls a function with a disk mounted at the server's root. */
async function mounted<T>(
  { root }: Server,
  disk: DiskAt,
  body: () => Promise<T>,
): Promise<T> {
  const unmount = mount(root, disk);
  try {
    return await body();
  } finally {
    unmount();
  }
}

const getsOf = ({ requests }: Server) =>
  requests.filter((text) => text.startsWith("GET"));

Deno.test("an address is read in parts: first 64 KiB, then pieces of 4 MiB, four at most at once", async () => {
  const bytes = pattern(21 * MEGABYTE + 5);
  await withServer({ "/a.bin": bytes }, async (server) => {
    using file = await DiskReader.open(`${server.root}/a.bin`);
    assertEquals(file.size, bytes.length);
    assertEquals(await file.read(3, 100), bytes.subarray(3, 103));
    assertEquals(getsOf(server), ["GET /a.bin bytes=0-65535"]);
    const middle = await file.read(70_000, 9);
    assertEquals(middle, bytes.subarray(70_000, 70_009));
    const rest = await file.read(60_000, bytes.length - 60_000);
    assertEquals(rest, bytes.subarray(60_000));
    assertEquals(getsOf(server), [
      "GET /a.bin bytes=0-65535",
      "GET /a.bin bytes=65536-4194303",
      "GET /a.bin bytes=4194304-20971519",
      "GET /a.bin bytes=20971520-22020100",
    ]);
    await assertRejects(
      () => file.read(bytes.length - 1, 2),
      SyntaxError,
      `it ends at byte ${bytes.length}`,
    );
  });
});

Deno.test("a server that ignores ranges sends a file once", async () => {
  const bytes = pattern(MEGABYTE);
  await withServer({ "/a.bin": bytes }, async (server) => {
    server.ranges = false;
    using file = await DiskReader.open(`${server.root}/a.bin`);
    assertEquals(
      await file.read(999_999, 7),
      bytes.subarray(999_999, 1_000_006),
    );
    assertEquals(await file.read(5, 7), bytes.subarray(5, 12));
    assertEquals(getsOf(server).length, 1);
    // While one has it, others need not fetch it, unless it has changed.
    const path = `${server.root}/a.bin`;
    assertEquals(await read(path, 3, 5), bytes.subarray(3, 8));
    assertEquals(getsOf(server).length, 1);
    await mounted(server, urlDisk(), async () => {
      await read(path, 3, 5);
      assertEquals(getsOf(server).length, 2);
    });
  });
});

Deno.test("a file that was sent whole is fetched again when it has changed", async () => {
  await withServer({ "/a.txt": "before" }, async (server) => {
    server.ranges = false;
    const path = `${server.root}/a.txt`;
    using before = await DiskReader.open(path);
    for (const etag of ['"2"', null, null]) {
      server.etag = etag;
      server.files.set("/a.txt", new TextEncoder().encode(`after ${etag}`));
      const gets = getsOf(server).length;
      await mounted(server, urlDisk(), async () => {
        const twice = [await read(path, 0, 6), await read(path, 0, 6)];
        for (const bytes of twice) {
          assertEquals(new TextDecoder().decode(bytes), "after ");
        }
      });
      // Without a validator nothing is known, so it is fetched each time.
      assert(getsOf(server).length - gets === 2 || etag !== null);
    }
    assertEquals(
      new TextDecoder().decode(await before.read(0, 6)),
      "before",
    );
  });
});

Deno.test("an empty file of the web has no bytes, whether parts of it are sent or not", async () => {
  await withServer({ "/empty": "" }, async (server) => {
    const path = `${server.root}/empty`;
    for (const ranges of [true, false]) {
      server.ranges = ranges;
      assertEquals((await read(path, 0, 0)).length, 0);
      assertEquals((await disk(path).readFile(path)).length, 0);
      await assertRejects(
        () => read(path, 0, 1),
        SyntaxError,
        "ends at byte 0",
      );
    }
  });
});

Deno.test("sizes are told also by servers that refuse HEAD", async () => {
  await withServer({ "/a.bin": pattern(100_000) }, async (server) => {
    const path = `${server.root}/a.bin`;
    for (const status of [403, 405, 501]) {
      for (const ranges of [true, false]) {
        Object.assign(server, { head: status, ranges });
        await mounted(server, urlDisk(), async () => {
          const { size, isFile } = await disk(path).stat(path);
          assertEquals([size, isFile], [100_000, true]);
        });
      }
    }
  });
});

Deno.test("sizes are told also by servers that hide them as far as they can", async () => {
  const bytes = pattern(100_000);
  await withServer({ "/a.bin": bytes }, async (server) => {
    const path = `${server.root}/a.bin`;
    const ranged = (request: Request) => {
      const range = /bytes=(\d+)-(\d+)/.exec(
        request.headers.get("range") ?? "",
      );
      if (request.method === "HEAD") return new Response(null, { status: 403 });
      if (!range) return new Response(bytes);
      const part = bytes.slice(Number(range[1]), Number(range[2]) + 1);
      return new Response(part, { status: 206 });
    };
    const streamed = ({ method }: Request) =>
      method === "HEAD"
        ? new Response(null)
        : new Response(new Blob([bytes]).stream());
    for (const instead of [ranged, streamed]) {
      server.instead = instead;
      await mounted(server, urlDisk(), async () => {
        assertEquals((await disk(path).stat(path)).size, bytes.length);
        assertEquals(await read(path, 99_990, 10), bytes.subarray(99_990));
      });
    }
  });
});

Deno.test("a file that appears is there, although it was not a moment before", async () => {
  await withServer({}, async (server) => {
    const path = `${server.root}/a.txt`;
    assertEquals(await exists(path), false);
    server.files.set("/a.txt", pattern(4));
    const file = await disk(path).open(path, "read");
    assertEquals((await file.stat()).size, 4);
    assert(await exists(path));
  });
});

Deno.test("a file that changes between two reads is an error, not a mixture", async () => {
  for (const ranges of [true, false]) {
    await withServer({ "/a.bin": pattern(9 * MEGABYTE) }, async (server) => {
      using file = await DiskReader.open(`${server.root}/a.bin`);
      await file.read(0, 10);
      Object.assign(server, { etag: '"2"', ranges });
      await assertRejects(
        () => file.read(8 * MEGABYTE, 10),
        Error,
        `Cannot read ${server.root}/a.bin: it changed on the server while it was read`,
      );
    });
  }
  // Without a validator, the size is what can be watched.
  await withServer({ "/a.bin": pattern(9 * MEGABYTE) }, async (server) => {
    server.etag = null;
    using file = await DiskReader.open(`${server.root}/a.bin`);
    server.files.set("/a.bin", pattern(9 * MEGABYTE + 1));
    await assertRejects(() => file.read(8 * MEGABYTE, 10), Error, "it changed");
  });
});

Deno.test("what a server said about an older version is not believed after a read", async () => {
  await withServer({ "/a.bin": pattern(10) }, async (server) => {
    const path = `${server.root}/a.bin`;
    const before = await disk(path).stat(path);
    server.etag = '"2"';
    assertEquals(await disk(path).stat(path), before);
    await read(path, 0, 1);
    assertEquals((await disk(path).stat(path)).version, '"2"');
  });
});

Deno.test("a server that sends another part than it was asked for is not believed", async () => {
  const answers: [string, number, string][] = [
    ["bytes 1-10/100", 10, "sent bytes 1-10/100, expected bytes 0-65535"],
    ["bytes 0-9/100", 9, "sent 9 bytes from byte 0 on, expected 10"],
    ["bytes 0-9/100", 10, "sent 10 of its 100 bytes"],
    ["bytes 0-70000/80000", 70_001, "expected bytes 0-65535"],
  ];
  await withServer({ "/a.bin": pattern(100) }, async (server) => {
    for (const [range, length, message] of answers) {
      server.instead = ({ method }) =>
        method === "HEAD" ? undefined : new Response(pattern(length), {
          status: 206,
          headers: { "content-range": range },
        });
      await assertRejects(
        () => read(`${server.root}/a.bin`, 0, 1),
        Error,
        message,
      );
    }
  });
});

Deno.test("statuses are told, as the errors that they mean", async () => {
  await withServer({}, async (server) => {
    const path = `${server.root}/a.json`;
    const cases: [
      number,
      typeof Deno.errors.NotFound | typeof Error,
      string,
    ][] = [
      [404, Deno.errors.NotFound, "there is no such file (status 404)"],
      [410, Deno.errors.NotFound, "there is no such file (status 410)"],
      [401, Deno.errors.PermissionDenied, "does not allow it (status 401)"],
      [403, Deno.errors.PermissionDenied, "does not allow it (status 403)"],
      [418, Error, "the server answered with status 418"],
    ];
    for (const [status, kind, message] of cases) {
      server.instead = () => new Response("no", { status });
      await mounted(server, urlDisk(), async () => {
        await assertRejects(
          () => disk(path).readFile(path),
          kind,
          `Cannot read ${path}: `,
        );
        await assertRejects(() => disk(path).stat(path), kind, message);
        await assertRejects(() => disk(path).open(path, "read"), kind, message);
      });
    }
  });
});

Deno.test("a page of HTML in place of a file counts as none", async () => {
  await withServer({}, async (server) => {
    server.instead = () =>
      new Response("<!doctype html>", {
        headers: { "content-type": "text/html; charset=utf-8" },
      });
    const path = `${server.root}/config.json`;
    assertEquals(await exists(path), false);
    await assertRejects(
      () => disk(path).readFile(path),
      Deno.errors.NotFound,
      `Cannot read ${path}: the server answered with a page of HTML (status 200)`,
    );
    assert(await exists(`${server.root}/index.html`));
  });
});

Deno.test("a busy server and a broken connection are asked again", async () => {
  await withServer({ "/a.bin": pattern(50) }, async (server) => {
    let answers = 0;
    server.instead = () =>
      answers++ === 0 ? new Response("busy", { status: 500 }) : undefined;
    assertEquals(await read(`${server.root}/a.bin`, 0, 50), pattern(50));

    answers = 0;
    server.instead = ({ method }) => {
      if (method === "HEAD" || answers++ > 0) return undefined;
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(pattern(5));
          controller.close();
        },
      });
      return new Response(body, { headers: { "content-length": "50" } });
    };
    assertEquals(await read(`${server.root}/a.bin`, 0, 50), pattern(50));
    assertEquals(answers, 2);
  });
});

Deno.test("a server that does not answer in time is given up", async () => {
  await withServer({}, async (server) => {
    let attempts = 0;
    server.instead = () => {
      attempts++;
      return new Response(new ReadableStream({ start() {} }));
    };
    await mounted(server, urlDisk({ timeout: 30 }), async () => {
      const path = `${server.root}/a.bin`;
      await assertRejects(
        () => disk(path).readFile(path),
        Deno.errors.TimedOut,
        `Cannot read ${path}: fewer than 1024 bytes came in 0.03 s`,
      );
    });
    assertEquals(attempts, 3);
  });
});

Deno.test("a server that cannot be reached is named", async () => {
  const gone = await withServer({}, ({ root }) => Promise.resolve(root));
  await assertRejects(
    () => disk(gone).readFile(`${gone}/a.bin`),
    Error,
    `Cannot read ${gone}/a.bin: the request failed (`,
  );
});

Deno.test("a signal ends what is being fetched", async () => {
  await withServer({}, async (server) => {
    const controller = new AbortController();
    const { signal } = controller;
    server.instead = () => {
      queueMicrotask(() => controller.abort(new Error("enough")));
      return new Response(new ReadableStream({ start() {} }));
    };
    await mounted(server, urlDisk({ signal }), async () => {
      const path = `${server.root}/a.bin`;
      for (const _ of [1, 2]) {
        await assertRejects(() => disk(path).readFile(path), Error, "enough");
        await assertRejects(() => disk(path).stat(path), Error, "enough");
      }
    });
    assertEquals(server.requests.length, 1);
  });
});

Deno.test("progress is told as bytes arrive", async () => {
  const bytes = pattern(5 * MEGABYTE);
  await withServer({ "/model/a.bin": bytes }, async (server) => {
    for (const ranges of [true, false]) {
      server.ranges = ranges;
      const seen: FetchProgress[] = [];
      const onProgress = (progress: FetchProgress) => seen.push(progress);
      await mounted(server, urlDisk({ onProgress }), async () => {
        await read(`${server.root}/model/a.bin`, 0, bytes.length);
      });
      assert(seen.length > 1);
      assertEquals(seen.at(-1), {
        path: `${server.root}/model/a.bin`,
        loaded: bytes.length,
        total: bytes.length,
      });
      const loaded = seen.map(({ loaded }) => loaded);
      assertEquals(loaded, loaded.toSorted((a, b) => a - b));
    }
  });
});

Deno.test("urlDisk() with files asks for no other, and lists folders", async () => {
  const files = ["config.json", "base_model/a.bin"];
  await withServer(
    { "/m/config.json": "{}", "/m/base_model/a.bin": "a" },
    async (server) => {
      await mounted(
        server,
        urlDisk({ files: files.map((x) => `m/${x}`) }),
        async () => {
          const root = `${server.root}/m`;
          const host = disk(root);
          assertEquals(host.listsFolders, true);
          assertEquals(await host.readDir(root), [
            { name: "config.json", isDirectory: false },
            { name: "base_model", isDirectory: true },
          ]);
          assert((await host.stat(`${root}/base_model`)).isDirectory);
          await assertRejects(
            () => host.stat(`${root}/vocab.txt`),
            Deno.errors.NotFound,
            "the option files of urlDisk() does not name it",
          );
          await assertRejects(
            () => host.readDir(`${root}/x`),
            Deno.errors.NotFound,
          );
          assertEquals(server.requests, []);
          assertEquals((await host.stat(`${root}/base_model/a.bin`)).size, 1);
          assertEquals(server.requests.length, 1);
        },
      );
    },
  );
});

Deno.test("the query of an address is that of each file, and headers are sent", async () => {
  await withServer({ "/m/config.json": "{}" }, async (server) => {
    const seen: (string | null)[] = [];
    server.instead = ({ headers }) => {
      seen.push(headers.get("authorization"));
      return undefined;
    };
    const folder = `${server.root}/m?key=a%2Fb&x=1`;
    const headers = { authorization: "Bearer abc" };
    const unmount = mount(folder, urlDisk({ headers }));
    assertEquals(
      await read(`${folder}/config.json`, 0, 2),
      new TextEncoder().encode("{}"),
    );
    unmount();
    assertEquals(server.requests, [
      "HEAD /m/config.json?key=a%2Fb&x=1 bytes=0-",
      "GET /m/config.json?key=a%2Fb&x=1 bytes=0-65535",
    ]);
    assertEquals(seen, ["Bearer abc", "Bearer abc"]);
    await assertRejects(
      () => disk(folder).stat(`${server.root}/m#1/config.json`),
      TypeError,
      "expected the address of a file on the web, without a #",
    );
  });
});

Deno.test("files of the web can only be read", async () => {
  const path = "https://example.invalid/model/config.json";
  const host = disk(path);
  await assertRejects(
    () => writeTextAtomically(path, "{}"),
    Deno.errors.PermissionDenied,
    "files of a web address can only be read",
  );
  for (
    const write of [
      () => host.open(path, "append"),
      () => host.mkdir(path),
      () => host.rename(path, path),
      () => host.remove(path),
      () => host.copyFile(path, path),
      () => host.symlink(path, path),
      () => host.lock(path, { wait: true }),
    ]
  ) {
    await assertRejects(write, Deno.errors.PermissionDenied, "Cannot write");
  }
  await assertRejects(() => host.readDir(path), TypeError, "Cannot list");
  assertThrows(() => urlDisk({ timeout: 0 }), RangeError, "Cannot wait 0 ms");
});

Deno.test("progress is told also of a file that is read from its start", async () => {
  const bytes = pattern(300_000);
  await withServer({ "/rows.csv": bytes }, async (server) => {
    const told: FetchProgress[] = [];
    await mounted(
      server,
      urlDisk({ onProgress: (progress) => told.push(progress) }),
      async () => {
        const path = `${server.root}/rows.csv`;
        let size = 0;
        for await (const { length } of disk(path).readChunks(path)) {
          size += length;
          assertEquals(told.at(-1), {
            path,
            loaded: size,
            total: bytes.length,
          });
        }
        assertEquals(size, bytes.length);
      },
    );
  });
});

Deno.test("a slash at the end of a folder is not doubled before a query", async () => {
  await withServer({ "/m/config.json": "{}" }, async (server) => {
    const path = `${server.root}/m/?key=a%2Fb/config.json`;
    assertEquals(await readText(path), "{}");
    assertEquals(server.requests, ["GET /m/config.json?key=a%2Fb"]);
  });
});

Deno.test("urlDisk() refuses options that would count for nothing", () => {
  for (
    const [options, text] of [
      [
        { onprogress: () => {} },
        'Cannot read the web with option "onprogress"',
      ],
      [
        { files: "a.json" },
        "Cannot read the web with files a.json: expected a list",
      ],
      [{ files: ["./a.json"] }, 'Cannot name the file "./a.json"'],
    ] as const
  ) {
    assertThrows(() => urlDisk(options as object), TypeError, text);
  }
});
