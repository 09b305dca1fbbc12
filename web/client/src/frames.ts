/** The words of the protocol, both ways. `docs/asyncapi.yaml` tells them all. */

import type { Hit } from "./news.ts";

/** A parsed frame. Fields get added, so unknown ones are passed over. */
export type Frame = Readonly<Record<string, unknown>> & { readonly type: string };

/** Bytes; API Gateway closes a connection that sends a longer frame:
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html */
export const LONGEST = 32 * 1024;

/** The kind given to frames that API Gateway itself sends when the function behind it failed:
 * `{"message": "Internal server error", "connectionId": …, "requestId": …}`, with no `type`. */
export const GATEWAY_ERROR = "gateway-error";

/** Read a server frame; what is no JSON object, or has no kind, comes back with `type` empty. */
export function parse(data: unknown): Frame {
  const frame = fields(String(data));
  const { type } = frame;
  return { ...frame, type: text(type) ?? ("message" in frame ? GATEWAY_ERROR : "") };
}

/** The fields of a JSON object; none where it is something else, or no JSON. */
export function fields(json: string): Readonly<Record<string, unknown>> {
  try {
    const said: unknown = JSON.parse(json);
    return isObject(said) ? said : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/** The hits of a frame, or of an answer over HTTP, that have an id. */
export function hits(frame: Readonly<Record<string, unknown>>): Hit[] {
  const { hits: found } = frame;
  return Array.isArray(found) ? found.filter(hit => isObject(hit) && typeof hit["id"] === "string") : [];
}

/** The value where it is a text. */
export function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
