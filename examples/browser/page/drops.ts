// Copyright 2026 the swagpu authors. MIT license.

// Folders that are dropped anywhere on the page.

import { droppedFolder, type PickedFolder } from "./picked_folder.ts";

/**
 * Accepts files and folders that are dropped.
 *
 * @param onDrop Called with what was dropped.
 */
export function acceptDrops(
  onDrop: (folder: Promise<PickedFolder | undefined>) => void,
): void {
  const { body } = document;
  const hasFiles = ({ dataTransfer }: DragEvent) =>
    dataTransfer?.types.includes("Files") ?? false;
  body.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    body.classList.add("dropping");
  });
  body.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) body.classList.remove("dropping");
  });
  body.addEventListener("drop", (event) => {
    body.classList.remove("dropping");
    const { dataTransfer } = event;
    if (!dataTransfer || !hasFiles(event)) return;
    event.preventDefault();
    onDrop(droppedFolder(dataTransfer));
  });
}
