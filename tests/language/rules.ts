/**
 * The part of CONTRIBUTING.md's "Language" that patterns can find.
 *
 * Each violation reads `file:line: reason: text`.
 *
 * @module
 */

/** A piece of prose: a comment, a string or a paragraph. */
export interface Prose {
  /** Line of the file, from 1, where it begins. */
  line: number;
  /** The text without comment marks; lines are kept. */
  text: string;
  /** Rules about sentences do not apply to strings. */
  kind: "doc" | "comment" | "string" | "markdown";
}

/** A pattern of phrases that are not plain English. */
interface Pattern {
  readonly pattern: RegExp;
  readonly reason: string;
  /** Kinds of prose it applies to. @default all */
  readonly kinds?: readonly Prose["kind"][];
}

/** Most words of a JSDoc comment's first sentence. */
export const MAX_SUMMARY_WORDS = 12;

const SENTENCES = ["doc", "comment", "markdown"] as const;

/** The patterns; all are global. */
export const PATTERNS: readonly Pattern[] = [
  {
    pattern:
      /(?<=^|[.:;!]\s+|\n\s*\n\s*|#\s+|\|\s*|- |\*\*|@(?:param|typeParam) \w+ |@returns )(What|Who|Whose|Whoever|Whatever)\b(?![^.?]*\?)/g,
    reason: "a sentence begins with a headless What or Who: use a noun",
    kinds: SENTENCES,
  },
  {
    pattern: /\b(nobody|somebody|whoever|whomever)\b/gi,
    reason: "name the caller, the peer or the user",
  },
  { pattern: /\bis\s+none\b/gi, reason: 'write "is not a valid …"' },
  {
    pattern: /\bin\s+front\s+of\b/gi,
    reason: 'write "before"',
  },
  { pattern: /\bbehind\b/gi, reason: 'write "after", or "below" for a layer' },
  {
    pattern:
      /\bof\s+the\s+(peer|caller|callee|client|server|user)'s(?!\s+\w)/gi,
    reason: `write "the peer's …"`,
  },
  {
    pattern: /\blet(s|ting)?\s+go\s+of\b/gi,
    reason: 'write "drops" or "releases"',
  },
  { pattern: /\bto\s+be\s+had\b/gi, reason: 'write "available"' },
  {
    pattern: /\b(come|comes|coming|came)\s+of\b/gi,
    reason: 'write "results from"',
  },
  {
    pattern:
      /\b(stands|stood)\b(?! for)|\bstand\s+(in|on|at|by|under|over|above)\b/gi,
    reason: 'write "is"',
  },
  { pattern: /\b(lies|lay)\b/gi, reason: 'write "is"' },
  {
    pattern: /\b(gives|gave)\b(?! up)/gi,
    reason: 'write "returns", "passes" or "grants"',
  },
  {
    pattern: /\b(tells|told)\b/gi,
    reason: 'write "reports", "notifies" or "receives"',
  },
  {
    pattern: /\b(those\s+(that|which|who)|that\s+which|he\s+who)\b/gi,
    reason: "repeat the noun",
  },
  { pattern: /\bone's\s+own\b/gi, reason: 'write "your own" or "a custom"' },
  {
    pattern: /\bthe\s+other\s+sides?\b/gi,
    reason: 'write "the peer"',
  },
  { pattern: /\bstrangers?\b/gi, reason: 'write "the peer"' },
  {
    pattern: /\b(dialler|dialled|misfit|inbox|outbox|goodbye|liveness)s?\b/gi,
    reason: "see the glossary in CONTRIBUTING.md",
  },
];

/** Correct phrases that a pattern finds, and the reason for each. */
export const ALLOWED: readonly { phrase: RegExp; why: string }[] = [
  { phrase: /behind (a|the|your) (\w+ )?(proxy|load balancer)/i, why: "place" },
];

/** Returns every violation in the prose of one file. */
export function violations(path: string, prose: readonly Prose[]): string[] {
  return prose.flatMap((piece) => [
    ...matches(path, piece),
    // Summaries are for readers of the API and of the library's code.
    ...path.startsWith("tests/") ? [] : longSummary(path, piece),
  ]);
}

function matches(path: string, { line, text, kind }: Prose): string[] {
  const found: string[] = [];
  for (const { pattern, reason, kinds } of PATTERNS) {
    if (kinds !== undefined && !kinds.includes(kind)) continue;
    for (const match of text.matchAll(pattern)) {
      if (isAllowed(text, match.index)) continue;
      const at = line + text.slice(0, match.index).split("\n").length - 1;
      const context = text.slice(Math.max(0, match.index - 30)).slice(0, 80);
      found.push(`${path}:${at}: ${reason}: …${context.replace(/\s+/g, " ")}…`);
    }
  }
  return found;
}

function isAllowed(text: string, index: number): boolean {
  return ALLOWED.some(({ phrase }) =>
    [...text.matchAll(new RegExp(phrase, "gi"))].some((match) =>
      match.index <= index && index < match.index + match[0].length
    )
  );
}

function longSummary(path: string, { line, text, kind }: Prose): string[] {
  if (kind !== "doc" || text.trimStart().startsWith("@")) return [];
  const [summary] = text.trim().split(/[.:;](?:\s|$)|\n\s*\n|\s@\w/, 1);
  const words = summary!.replace(/\{@linkcode ([^}]*)\}/g, "$1")
    .split(/\s+/).filter((word) => /\w/.test(word)).length;
  return words > MAX_SUMMARY_WORDS
    ? [
      `${path}:${line}: a summary of ${words} words, ${MAX_SUMMARY_WORDS} are allowed: ${
        summary!.replace(/\s+/g, " ")
      }`,
    ]
    : [];
}

/** Returns the comments and strings of a TypeScript file. */
export function proseOfSource(path: string, text: string): Prose[] {
  const prose: Prose[] = [];
  const add = (index: number, found: string, kind: Prose["kind"]) =>
    prose.push({
      line: text.slice(0, index).split("\n").length,
      text: found,
      kind,
    });
  const rule: Deno.lint.Rule = {
    create: (context) => ({
      Program() {
        for (const comment of context.sourceCode.getAllComments()) {
          const kind = comment.type === "Block" && comment.value.startsWith("*")
            ? "doc"
            : "comment";
          add(comment.range[0], withoutMarks(comment.value), kind);
        }
      },
      Literal(node) {
        if (typeof node.value !== "string" || isSpecifier(node.value)) return;
        add(node.range[0], node.value, "string");
      },
      TemplateElement(node) {
        add(node.range[0], node.cooked, "string");
      },
    }),
  };
  Deno.lint.runPlugin({ name: "prose", rules: { rule } }, path, text);
  return joinLines(prose);
}

function isSpecifier(value: string): boolean {
  return /^(\.{0,2}\/|@|jsr:|npm:|node:)\S*$/.test(value);
}

function withoutMarks(comment: string): string {
  return withoutCode(
    comment.replace(/^\*/, "").replace(/^[^\S\n]*\* ?/gm, ""),
  );
}

/** Blanks out fenced blocks and code spans; lines are kept. */
function withoutCode(text: string): string {
  return text
    .replace(
      /^\s*(```|~~~)[\s\S]*?^\s*\1/gm,
      (code) => code.replace(/\S/g, " "),
    )
    .replace(/`[^`\n]*`/g, (code) => "x".repeat(code.length));
}

/** Joins line comments that follow each other. */
function joinLines(prose: readonly Prose[]): Prose[] {
  const joined: Prose[] = [];
  for (const piece of prose) {
    const last = joined.at(-1);
    const follows = last?.kind === "comment" && piece.kind === "comment" &&
      piece.line === last.line + last.text.split("\n").length;
    if (follows) last.text += `\n${piece.text.trimStart()}`;
    else joined.push(withoutMargin(piece));
  }
  return joined;
}

/** Drops leading white space and counts the lines that it took. */
function withoutMargin(piece: Prose): Prose {
  const text = piece.text.trimStart();
  const margin = piece.text.slice(0, piece.text.length - text.length);
  return { ...piece, text, line: piece.line + margin.split("\n").length - 1 };
}

/** Returns the text of a Markdown file without its code. */
export function proseOfMarkdown(text: string): Prose[] {
  return [{ line: 1, text: withoutCode(text), kind: "markdown" }];
}
