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

/** How spans of a method begin at one endpoint. */
interface Beginning {
  /** Name of the span. */
  readonly name: string;
  readonly attributes: Attributes;
}

/** Beginnings of the spans of one method: by endpoint, and the last one. */
interface KnownMethod {
  readonly endpoints: Map<string, Beginning>;
  endpoint: string;
  last: Beginning;
}

/** Methods by name. */
type KnownMethods = Map<string, KnownMethod>;

/** Creator of spans, through the provider that is registered. */
export class Spans {
  readonly #own: TracerProvider | undefined;
  readonly #metadata: readonly string[];
  /** The provider of `#tracer`: to ask for a tracer costs as much as a span. */
  #provider: TracerProvider | undefined = undefined;
  #tracer: Tracer | undefined = undefined;
  /** Methods by protocol. */
  readonly #callers: Map<string, KnownMethods> = new Map();
  readonly #callees: Map<string, KnownMethods> = new Map();

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
    const { name, attributes } = this.#beginning(info);
    const options: SpanOptions = {
      kind: info.side === "caller" ? SpanKind.CLIENT : SpanKind.SERVER,
      startTime: info.beganAt,
      attributes: this.#withMetadata(attributes, info),
    };
    if (linked !== undefined) options.links = [{ context: linked }];
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

  #beginning(info: CallInfo): Beginning {
    const { side, protocol, method, session } = info;
    if (method === undefined) {
      return { name: SYSTEM, attributes: newAttributes(info, "") };
    }
    const protocols = side === "caller" ? this.#callers : this.#callees;
    const endpoint = side === "caller" ? session?.endpoint ?? "" : "";
    const known = protocols.get(protocol)?.get(method);
    return known?.endpoint === endpoint
      ? known.last
      : this.#select(info, protocols, method, endpoint);
  }

  #select(
    info: CallInfo,
    protocols: Map<string, KnownMethods>,
    method: string,
    endpoint: string,
  ): Beginning {
    const { protocol } = info;
    const methods: KnownMethods = protocols.get(protocol) ?? new Map();
    const endpoints: KnownMethod["endpoints"] =
      methods.get(method)?.endpoints ?? new Map();
    const last = endpoints.get(endpoint) ?? {
      name: methodName(protocol, method),
      attributes: newAttributes(info, endpoint),
    };
    endpoints.set(endpoint, last);
    protocols.set(protocol, methods.set(method, { endpoints, endpoint, last }));
    return last;
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
