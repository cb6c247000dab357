/** What is let in: requests to this server's own address, with its token, in the one form that each route takes. */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** A request that is turned away: a status, and nothing else. */
export class Refusal extends Error {
  constructor(readonly status: number) {
    super(`refused with ${status}`);
  }
}

export interface Address {
  readonly port: number;
  readonly token: string;
}

const MOST_BODY = 1024;
const NUMBER = /^\d{1,10}$/;

const equal = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
};

/**
 * Name of the route and its query. 403 for another Host (a name that was made to point here), another Origin (a page of someone
 * else) and another token.
 */
export function admit(
  { headers: { host, origin }, url = '' }: IncomingMessage,
  { port, token }: Address,
): [string, URLSearchParams] {
  const own = [`127.0.0.1:${port}`, `localhost:${port}`];
  if (host === undefined || !own.includes(host)) throw new Refusal(403);
  if (origin !== undefined && !own.some((name) => origin === `http://${name}`)) throw new Refusal(403);
  const [path = '', query = '', ...more] = url.split('?');
  const [empty, given = '', name = '', ...deeper] = path.split('/');
  if (empty !== '' || !equal(given, token)) throw new Refusal(403);
  if (more.length > 0 || deeper.length > 0) throw new Refusal(404);
  return [name, new URLSearchParams(query)];
}

/** The numbers under exactly these names; 400 for anything else. */
export function numbersIn<Name extends string>(query: URLSearchParams, names: readonly Name[]): Record<Name, number> {
  const given = [...query];
  const numbers = Object.fromEntries(given.map(([name, text]) => [name, NUMBER.test(text) ? Number(text) : NaN]));
  if (given.length !== names.length || names.some((name) => !Number.isInteger(numbers[name]))) throw new Refusal(400);
  return numbers as Record<Name, number>;
}

/** A JSON object of at most 1 kB with numbers and words under these names; 400, 413 or 415 for anything else. */
export async function bodyOf(request: IncomingMessage, names: readonly string[]): Promise<Record<string, unknown>> {
  if (request.headers['content-type'] !== 'application/json') throw new Refusal(415);
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MOST_BODY) throw new Refusal(413);
    parts.push(part);
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts)));
  } catch {
    throw new Refusal(400);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Refusal(400);
  if (Object.keys(value).some((key) => !names.includes(key))) throw new Refusal(400);
  return value as Record<string, unknown>;
}
