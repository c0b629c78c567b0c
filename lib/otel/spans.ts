/**
 * The spans of calls at their beginning.
 *
 * @module
 */
import {
  type Attributes,
  type Context,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  trace,
  type Tracer,
  type TracerProvider,
} from "@opentelemetry/api";
import type { CallInfo } from "../messages/observe/observer.ts";
import { methodName } from "./method_metrics.ts";
import { ATTRIBUTE, METADATA, SCOPE, SYSTEM, VERSION } from "./names.ts";
import { serverAttributes } from "./server_attributes.ts";

/** Attributes by method and endpoint. */
type KnownAttributes = Map<string, Map<string, Attributes>>;

/** Creator of spans, through the provider that is registered. */
export class Spans {
  readonly #own: TracerProvider | undefined;
  readonly #metadata: readonly string[];
  /** The provider of `#tracer`: to ask for a tracer costs as much as a span. */
  #provider: TracerProvider | undefined = undefined;
  #tracer: Tracer | undefined = undefined;
  /** Attributes by protocol. */
  readonly #callers: Map<string, KnownAttributes> = new Map();
  readonly #callees: Map<string, KnownAttributes> = new Map();

  /**
   * @param own the provider; `undefined` for the global one
   * @param metadata keys of metadata that become attributes
   */
  constructor(own: TracerProvider | undefined, metadata: readonly string[]) {
    this.#own = own;
    this.#metadata = [...metadata];
  }

  /**
   * Starts the span of a call.
   *
   * @param outer the context whose span is the parent
   * @param linked a span to link to
   */
  start(
    info: CallInfo,
    outer: Context,
    linked: SpanContext | undefined,
  ): Span {
    const attributes = this.#attributes(info);
    const options: SpanOptions = {
      kind: info.side === "caller" ? SpanKind.CLIENT : SpanKind.SERVER,
      startTime: info.beganAt,
      attributes: this.#withMetadata(attributes, info),
    };
    if (linked !== undefined) options.links = [{ context: linked }];
    const name = info.method === undefined
      ? SYSTEM
      : String(attributes[ATTRIBUTE.method]);
    return this.#current().startSpan(name, options, outer);
  }

  /** Returns the attributes with the metadata that is allowed. */
  #withMetadata(attributes: Attributes, { metadata }: CallInfo): Attributes {
    if (this.#metadata.length === 0 || metadata === undefined) {
      return attributes;
    }
    const all = { ...attributes };
    for (const key of this.#metadata) {
      const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
      if (typeof value === "string") all[`${METADATA}${key}`] = [value];
    }
    return all;
  }

  #current(): Tracer {
    const provider = this.#own ?? trace.getTracerProvider();
    if (this.#tracer === undefined || this.#provider !== provider) {
      this.#provider = provider;
      this.#tracer = provider.getTracer(SCOPE, VERSION);
    }
    return this.#tracer;
  }

  #attributes(info: CallInfo): Attributes {
    const { side, protocol, method, session } = info;
    if (method === undefined) return newAttributes(info, "");
    const protocols = side === "caller" ? this.#callers : this.#callees;
    const endpoint = side === "caller" ? session?.endpoint ?? "" : "";
    const known = protocols.get(protocol)?.get(method)?.get(endpoint);
    if (known !== undefined) return known;
    const attributes = newAttributes(info, endpoint);
    const methods: KnownAttributes = protocols.get(protocol) ?? new Map();
    const endpoints = methods.get(method) ?? new Map<string, Attributes>();
    endpoints.set(endpoint, attributes);
    protocols.set(protocol, methods.set(method, endpoints));
    return attributes;
  }
}

/** Returns the attributes of a span at its beginning. */
function newAttributes(info: CallInfo, endpoint: string): Attributes {
  const { protocol, method, methodOriginal, shape } = info;
  return {
    [ATTRIBUTE.system]: SYSTEM,
    [ATTRIBUTE.method]: methodName(protocol, method),
    ...(method === undefined && methodOriginal !== ""
      ? { [ATTRIBUTE.methodOriginal]: methodOriginal }
      : {}),
    ...(shape === undefined ? {} : { [ATTRIBUTE.shape]: shape }),
    ...serverAttributes(endpoint),
  };
}
