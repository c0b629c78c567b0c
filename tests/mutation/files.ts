/**
 * Lists files.
 *
 * @module
 */

/** Returns the paths of all files below a folder whose names end with a text. */
export function filesIn(folder: string, end: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return filesIn(path, end);
    return name.endsWith(end) ? [path] : [];
  }).sort();
}
