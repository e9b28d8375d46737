// Copyright 2026 the swagpu authors. MIT license.

// Values that the browser keeps for this page, in its IndexedDB: a value is written
// whole or not at all.

const DATABASE = "swagpu";
const STORE = "values";

function settled<T>(request: IDBRequest<T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
  return promise;
}

async function open(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return await settled(request);
}

/** Runs one request, and waits until its effect is kept. */
async function once<T>(
  mode: IDBTransactionMode,
  ask: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const database = await open();
  try {
    const transaction = database.transaction(STORE, mode);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
    const result = settled(ask(transaction.objectStore(STORE)));
    result.catch(() => {}); // The transaction ends with the same error.
    await promise;
    return await result;
  } finally {
    database.close();
  }
}

/**
 * Keeps a value.
 *
 * @param key Its name; a value of the same name is replaced.
 * @param value Plain objects, maps and typed arrays.
 */
export async function store(key: string, value: unknown): Promise<void> {
  await once("readwrite", (values) => values.put(value, key));
}

/**
 * Gives a value that is kept.
 *
 * @param key Its name.
 * @returns A copy of the value; `undefined` if there is none.
 */
export async function recall(key: string): Promise<unknown> {
  return await once("readonly", (values) => values.get(key));
}
