// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The handles by which a browser gives access to files and folders, as far as they
// are used here. Not every runtime has their types.

/** What handles of files and folders have in common. */
export interface EntryHandle {
  /** The name in its folder. */
  readonly name: string;
}

/** A file, such as a `FileSystemFileHandle`. */
export interface FileHandle extends EntryHandle {
  /** Which kind of handle it is. */
  readonly kind: "file";
  /** Its content at this moment. */
  getFile(): Promise<File>;
  /** Begins to write it: what is written replaces the file when that is closed. */
  createWritable?:
    | ((options?: { keepExistingData?: boolean }) => Promise<WritableFile>)
    | undefined;
  /** Opens it in a worker, where what is written is there at once. */
  createSyncAccessHandle?: (() => Promise<SyncFile>) | undefined;
  /** Gives it another folder and name. */
  move?: ((folder: FolderHandle, name: string) => Promise<void>) | undefined;
}

/** A file that is being written, such as a `FileSystemWritableFileStream`. */
export interface WritableFile {
  /** Writes at the current position. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Changes the position. */
  seek(position: number): Promise<void>;
  /** Replaces the file. */
  close(): Promise<void>;
  /** Leaves the file as it was. */
  abort(): Promise<void>;
}

/** A file that a worker has opened, a `FileSystemSyncAccessHandle`. */
export interface SyncFile {
  /** Writes at a position. */
  write(bytes: Uint8Array<ArrayBuffer>, options: { at: number }): number;
  /** The size in bytes. */
  getSize(): number;
  /** Cuts it off, or adds zeros. */
  truncate(size: number): void;
  /** Waits until what was written is kept. */
  flush(): void;
  /** Lets others open it. */
  close(): void;
}

/** A folder, such as a `FileSystemDirectoryHandle`. */
export interface FolderHandle extends EntryHandle {
  /** Which kind of handle it is. */
  readonly kind: "directory";
  /** A file in it. */
  getFileHandle(
    name: string,
    options?: { create?: boolean },
  ): Promise<FileHandle>;
  /** A folder in it. */
  getDirectoryHandle(
    name: string,
    options?: { create?: boolean },
  ): Promise<FolderHandle>;
  /** Removes what is in it by a name. */
  removeEntry(name: string, options?: { recursive?: boolean }): Promise<void>;
  /** What is in it. */
  values(): AsyncIterable<FileHandle | FolderHandle>;
}
