/** The server of the page: on this machine alone, with files that are read once, and without a framework. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { checkInteger, checkOptions, fail } from '../check.js';
import { MgError } from '../errors.js';
import { packageRoot } from '../native.js';
import { admit, bodyOf, numbersIn, Refusal } from './requests.js';
import { StaleFilm, type Stage } from './stage.js';

export interface ServeOptions {
  /** Default 0: one that is free. */
  readonly port?: number;
  /** The secret part of the address, 8 to 64 letters, digits, - and _; one that is given stays over restarts. Default: random. */
  readonly token?: string;
}

/** What `npm run build` leaves of `lib/view/page`. */
export const pageFolder = join(packageRoot, 'dist', 'view', 'page');

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const POLICY = [
  'default-src \'self\'',
  'object-src \'none\'',
  'base-uri \'none\'',
  'form-action \'none\'',
  'frame-ancestors \'none\'',
].join('; ');
/** A picture runs nothing and asks for nothing; its own colors are attributes. */
const PICTURE_POLICY = 'default-src \'none\'; style-src \'unsafe-inline\'';

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': POLICY,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
} as const;

/** Pages that listen at a time. */
const MOST_VIEWERS = 64;

interface Answer {
  readonly type: string;
  readonly body: string | Buffer;
  readonly policy?: string;
}

const json = (value: unknown): Answer => ({ type: 'application/json', body: JSON.stringify(value) });

type Route = (stage: Stage, query: URLSearchParams, request: IncomingMessage) => Answer | Promise<Answer>;

const number = (value: unknown): number => (typeof value === 'number' ? value : NaN); // refused by those who take it

const GET: Readonly<Record<string, Route>> = {
  film: (stage) => json(stage.sent),
  async frames(stage, query) {
    const { film, from, to } = numbersIn(query, ['film', 'from', 'to']);
    return json(await stage.frames(film, from, to));
  },
  channels(stage, query) {
    const { film, step, grid } = numbersIn(query, ['film', 'step', 'grid']);
    return json(stage.channels(film, step, grid));
  },
  'curve.svg'(stage, query) {
    numbersIn(query, ['version']);
    const body = stage.curve();
    if (body === null) throw new Refusal(404);
    return { type: TYPES['.svg']!, body, policy: PICTURE_POLICY };
  },
};

const POST: Readonly<Record<string, Route>> = {
  async begin(stage, _, request) {
    const { seed, motion } = await bodyOf(request, ['seed', 'motion']);
    return json(await stage.begin(number(seed), motion as string | undefined));
  },
  async move(stage, _, request) {
    const { action } = await bodyOf(request, ['action']);
    return json(await stage.move(number(action)));
  },
  async ask(stage, _, request) {
    const { film, step, cell } = await bodyOf(request, ['film', 'step', 'cell']);
    return json(await stage.ask(number(film), number(step), number(cell)));
  },
};

const METHODS: Readonly<Record<string, Readonly<Record<string, Route>>>> = { GET, POST };
const NAMES = new Set([...Object.keys(GET), ...Object.keys(POST), 'events']);

/** The files of the page by name; '' is the page itself. */
function pageFiles(): Map<string, Answer> {
  const files = readdirSync(pageFolder).filter((name) => extname(name) in TYPES);
  const read = files.map((name): [string, Answer] => [
    name === 'index.html' ? '' : name,
    { type: TYPES[extname(name)]!, body: readFileSync(join(pageFolder, name)) },
  ]);
  return new Map(read);
}

/** The status of what went wrong. */
function statusOf(error: unknown): number {
  if (error instanceof Refusal) return error.status;
  if (error instanceof StaleFilm) return 204; // nothing is wrong: browsers would note 410 as an error of the page
  if (error instanceof MgError && error.code === 'ERR_MG_ARGUMENT') return 400;
  return 500;
}

export class ViewServer {
  readonly #server: Server;
  readonly #stage: Stage;
  readonly #files = pageFiles();
  readonly #token: string;
  readonly #viewers = new Set<ServerResponse>();

  private constructor(stage: Stage, token: string) {
    this.#stage = stage;
    this.#token = token;
    this.#server = createServer((request, response) => void this.#take(request, response));
  }

  /** Serves a stage on 127.0.0.1. ERR_MG_ARGUMENT for a port that is taken. */
  static async open(stage: Stage, options: ServeOptions = {}): Promise<ViewServer> {
    checkOptions('watch', options, ['port', 'token']);
    const port = checkInteger('watch', 'port', options.port ?? 0, 0, 65_535);
    const token = options.token ?? randomBytes(16).toString('base64url');
    if (!/^[\w-]{8,64}$/.test(token)) fail('ERR_MG_ARGUMENT', 'watch', 'a token of 8 to 64 letters, digits, - and _', token);
    const opened = new ViewServer(stage, token);
    const server = opened.#server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause: NodeJS.ErrnoException) => {
        reject(
          new MgError('ERR_MG_ARGUMENT', `watch: expected port ${port} to be free, got ${cause.code}; name another`, { cause }),
        );
      });
      server.listen(port, '127.0.0.1', resolve);
    });
    return opened;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Where the page is; whoever knows it may look. */
  get url(): string {
    return `http://127.0.0.1:${this.port}/${this.#token}/`;
  }

  /** Pages that listen. */
  get viewers(): number {
    return this.#viewers.size;
  }

  /** Says goodbye to all who listen. */
  async close(): Promise<void> {
    for (const viewer of this.#viewers) viewer.end();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
      setTimeout(() => this.#server.closeAllConnections(), 200).unref();
    });
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const [name, query] = admit(request, { port: this.port, token: this.#token });
      const { method = '' } = request;
      if (name === 'events' && method === 'GET') return this.#attend(response);
      const file = method === 'GET' ? this.#files.get(name) : undefined;
      const routes = Object.hasOwn(METHODS, method) ? METHODS[method]! : {};
      const route = Object.hasOwn(routes, name) ? routes[name] : undefined;
      if (file === undefined && route === undefined) throw new Refusal(this.#files.has(name) || NAMES.has(name) ? 405 : 404);
      const { type, body, policy = POLICY } = file ?? await route!(this.#stage, query, request);
      response.writeHead(200, { ...HEADERS, 'Content-Type': type, 'Content-Security-Policy': policy }).end(body);
    } catch (error) {
      response.writeHead(statusOf(error), { ...HEADERS, Connection: 'close' }).end();
    }
  }

  /** Tells a page of every change. One that is slow hears of the latest when it is ready again: nothing waits for it. */
  #attend(response: ServerResponse): void {
    if (this.#viewers.size >= MOST_VIEWERS) throw new Refusal(503);
    this.#viewers.add(response);
    response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/event-stream' });
    let behind = false;
    const send = (): void => {
      behind = response.writableNeedDrain;
      if (!behind) response.write(`data: ${JSON.stringify(this.#stage.state)}\n\n`);
    };
    const leave = this.#stage.listen(send);
    response.on('drain', () => {
      if (behind) send();
    });
    response.on('close', () => {
      leave();
      this.#viewers.delete(response);
    });
    response.write('retry: 500\n\n');
    send();
  }
}
