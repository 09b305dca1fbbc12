import type { Hit } from "../src/model/hit.ts";
import { readHit } from "../src/model/hit.ts";

export const NOW = 1_795_000_000_000;

let made = 0;

/** A hit as the server would send it. */
export function sent(fields: Record<string, unknown> = {}): Record<string, unknown> {
  made += 1;
  return {
    id: `id-${made}`,
    index: "metrics-2026.11.18",
    family: "metrics",
    source: "payments",
    eventType: "PaymentSettled",
    timestamp: new Date(NOW).toISOString(),
    ingested: NOW,
    message: "charge-card ok",
    attributes: { service: "payments", severity: "info", region: "eu-west-1", latencyMs: 12 },
    excerpt: {},
    ...fields,
  };
}

export function hit(fields: Record<string, unknown> = {}): Hit {
  const read = readHit(sent(fields));
  if (read === null) throw new Error("that is no hit");
  return read;
}

export function at(ingested: number, fields: Record<string, unknown> = {}): Hit {
  return hit({ ingested, timestamp: new Date(ingested).toISOString(), ...fields });
}
