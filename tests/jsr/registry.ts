/**
 * A package registry on the loopback, for one run: takes what `deno publish`
 * sends and answers as JSR does. Kept in memory.
 *
 * ```text
 * GET  /api/scopes/:s/packages/:p               does the package exist?
 * GET  /api/scopes/:s/packages/:p/versions/:v   404 until it is published
 * POST /api/scopes/:s/packages/:p/versions/:v   a gzipped tar
 * GET  /@s/p/meta.json                          versions of a package
 * GET  /@s/p/:v_meta.json                       exports, files, checksums
 * GET  /@s/p/:v/:path                           a file
 * ```
 *
 * @module
 */

/** A running registry. */
export interface Registry extends AsyncDisposable {
  /** The value of `JSR_URL`, with a slash at the end. */
  readonly url: string;
  /** Paths of the files that a version was published with. */
  filesOf(name: string, version: string): string[];
}

type Bytes = Uint8Array<ArrayBuffer>;

/** Deno leaves out versions younger than a day: all of them were made long ago. */
const CREATED_AT = "2026-01-01T00:00:00Z";

const CONTENT_TYPES: Record<string, string> = {
  ts: "application/typescript",
  js: "application/javascript",
  json: "application/json",
  md: "text/markdown",
};

/** Opens a registry on a free port of 127.0.0.1. */
export function startRegistry(): Registry {
  const files = new Map<string, Bytes>(); // "/@scope/name/version/path"
  const versions = new Map<string, Set<string>>(); // "@scope/name"
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => answer(request, files, versions),
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    filesOf(name, version) {
      const root = `/${name}/${version}/`;
      return [...files.keys()].filter((path) => path.startsWith(root))
        .map((path) => path.slice(root.length)).sort();
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

async function answer(
  request: Request,
  files: Map<string, Bytes>,
  versions: Map<string, Set<string>>,
): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  const api = /^\/api\/scopes\/([^/]+)\/packages\/([^/]+)(?:\/versions\/(.+))?$/
    .exec(pathname);
  if (api) {
    const name = `@${api[1]}/${api[2]}`;
    const version = api[3];
    const known = versions.get(name) ?? new Set<string>();
    if (version === undefined) return Response.json({});
    if (request.method === "GET") {
      return known.has(version)
        ? Response.json({})
        : notFound("packageVersionNotFound");
    }
    const tar = await untar(request.body!);
    await store(files, `/${name}/${version}`, tar, searchParams.get("config")!);
    versions.set(name, known.add(version));
    const id = crypto.randomUUID();
    return Response.json({ id, status: "success", error: null });
  }
  const meta = /^\/(@[^/]+\/[^/]+)\/meta\.json$/.exec(pathname);
  if (meta) return packageMeta(meta[1]!, versions);
  const file = files.get(pathname);
  if (!file) return notFound("notFound");
  const extension = pathname.split(".").pop()!;
  const type = CONTENT_TYPES[extension] ?? "application/octet-stream";
  return new Response(file, { headers: { "content-type": type } });
}

function packageMeta(name: string, versions: Map<string, Set<string>>) {
  const known = [...versions.get(name) ?? []];
  if (known.length === 0) return notFound("packageNotFound");
  const [scope, bare] = name.slice(1).split("/");
  return Response.json({
    scope,
    name: bare,
    latest: known.at(-1),
    versions: Object.fromEntries(
      known.map((version) => [version, { createdAt: CREATED_AT }]),
    ),
  });
}

function notFound(code: string): Response {
  return Response.json({ code, message: "Not found" }, { status: 404 });
}

/** Keeps the files of one version and the page that lists them. */
async function store(
  files: Map<string, Bytes>,
  root: string,
  tar: Map<string, Bytes>,
  configPath: string,
): Promise<void> {
  const config = JSON.parse(new TextDecoder().decode(tar.get(configPath)));
  const manifest: Record<string, unknown> = {};
  for (const [path, bytes] of tar) {
    files.set(root + path, bytes);
    const digest = await crypto.subtle.digest("SHA-256", bytes);
    const checksum = `sha256-${new Uint8Array(digest).toHex()}`;
    manifest[path] = { size: bytes.length, checksum };
  }
  const exports = typeof config.exports === "string"
    ? { ".": config.exports }
    : config.exports;
  files.set(
    `${root}_meta.json`,
    new TextEncoder().encode(JSON.stringify({ manifest, exports })),
  );
}

/**
 * The regular files of a gzipped tar (POSIX ustar: 512-byte blocks; name at 0,
 * size in octal at 124, type at 156, prefix of the name at 345).
 */
async function untar(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<Map<string, Bytes>> {
  const unzipped = body.pipeThrough(new DecompressionStream("gzip"));
  const tar = await new Response(unzipped).bytes();
  const files = new Map<string, Bytes>();
  for (let block = 0; block + 512 <= tar.length && tar[block] !== 0;) {
    const text = (offset: number, length: number) =>
      new TextDecoder().decode(
        tar.subarray(block + offset, block + offset + length),
      ).replace(/\0.*$/s, "");
    const size = parseInt(text(124, 12), 8);
    const type = text(156, 1);
    const name = [text(345, 155), text(0, 100)].filter(Boolean).join("/");
    if (type !== "" && type !== "0") {
      throw new Error(
        `Cannot read the tar: entry "${name}" is of type ${type}`,
      );
    }
    const start = block + 512;
    files.set(`/${name.replace(/^\.?\//, "")}`, tar.slice(start, start + size));
    block = start + Math.ceil(size / 512) * 512;
  }
  return files;
}
