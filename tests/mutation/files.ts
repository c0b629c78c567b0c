/**
 * Lists files.
 *
 * @module
 */

/**
 * Returns the paths of all files below a folder whose names end with a text. A
 * folder that does not exist has none.
 */
export function filesIn(folder: string, end: string): string[] {
  return entriesOf(folder).flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return filesIn(path, end);
    return name.endsWith(end) ? [path] : [];
  }).sort();
}

function entriesOf(folder: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(folder)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
