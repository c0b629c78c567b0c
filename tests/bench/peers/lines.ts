/**
 * Text as lines.
 *
 * @module
 */

/** Splits text into lines; an unfinished last line is dropped. */
export class TextLineStream extends TransformStream<string, string> {
  constructor() {
    let rest = "";
    super({
      transform(text, controller) {
        const lines = (rest + text).split("\n");
        rest = lines.pop()!; // split() returns at least one
        for (const line of lines) controller.enqueue(line);
      },
    });
  }
}
