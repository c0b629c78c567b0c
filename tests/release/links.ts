/**
 * Links between the Markdown documents.
 *
 * @module
 */

/**
 * Returns the relative links that lead nowhere, as `document: link`.
 *
 * @param documents text of each document by its path
 * @param exists whether another file or folder exists
 */
export function deadLinks(
  documents: ReadonlyMap<string, string>,
  exists: (path: string) => boolean,
): string[] {
  const headings = new Map(
    [...documents].map(([path, text]) => [path, anchorsOf(text)]),
  );
  return [...documents].flatMap(([path, text]) =>
    linksOf(text).filter((link) => {
      const [file = "", anchor] = link.split("#");
      const target = file === "" ? path : resolve(path, file);
      const anchors = headings.get(target);
      if (anchors === undefined) return !exists(target);
      return anchor !== undefined && !anchors.has(anchor);
    }).map((link) => `${path}: ${link}`)
  );
}

/** Returns the targets of relative links. */
export function linksOf(markdown: string): string[] {
  return [...withoutCode(markdown).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = ""]) => link)
    .filter((link) => !/^[a-z]+:/.test(link));
}

/** Returns the anchors of headings, as GitHub and JSR derive them. */
function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>();
  for (
    const [, title = ""] of withoutBlocks(markdown).matchAll(/^#+ (.*)$/gm)
  ) {
    const text = title.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1");
    const anchor = text.toLowerCase().replace(/[^\p{L}\p{N}\-_ ]/gu, "")
      .trim().replace(/ /g, "-");
    let name = anchor;
    for (let n = 1; anchors.has(name); n++) name = `${anchor}-${n}`;
    anchors.add(name);
  }
  return anchors;
}

function withoutBlocks(markdown: string): string {
  return markdown.replace(/^\s*(```|~~~)[\s\S]*?^\s*\1/gm, "");
}

function withoutCode(markdown: string): string {
  return withoutBlocks(markdown).replace(/`[^`\n]*`/g, "");
}

function resolve(from: string, link: string): string {
  const { pathname } = new URL(link, `file:///${from}`);
  return decodeURIComponent(pathname.slice(1));
}
