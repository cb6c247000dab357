/** The server of the page from outside: who is let in, what comes back, and what is left when all have gone. */
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FilmSent, FilmState, SentFrame } from '../../lib/view/page/scene.js';
import { ViewServer } from '../../lib/view/server.js';
import { Stage } from '../../lib/view/stage.js';
import { errorOf } from '../helpers/files.js';
import { subjectOf, tinyMaze } from './subjects.js';
import { undisposedTensors } from '../../lib/tensor/tensor.js';

const token = 'a-token-of-tests';
let stage: Stage;
let server: ViewServer;
beforeAll(async () => {
  stage = await Stage.of(subjectOf(tinyMaze), { seed: 1 });
  server = await ViewServer.open(stage, { token });
});
afterAll(async () => {
  await server.close();
  stage.dispose();
});

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

/** One request, its path taken as it is. */
async function ask(path: string, { method = 'GET', headers = {}, body }: Asked = {}): Promise<Reply> {
  const sent = request({ host: '127.0.0.1', port: server.port, path, method, headers, agent: false });
  sent.end(body);
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const part of response) text += part;
  return { status: response.statusCode, headers: response.headers, body: text };
}

const get = (name: string, headers: Record<string, string> = {}): Promise<Reply> => ask(`/${token}/${name}`, { headers });
const post = (name: string, body: unknown, headers: Record<string, string> = {}): Promise<Reply> =>
  ask(`/${token}/${name}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const filmOf = async (): Promise<FilmSent> => JSON.parse((await get('film')).body) as FilmSent;

describe('who is let in', () => {
  const hosts = ['evil.example', 'evil.example:80', '127.0.0.1', '127.0.0.1:1', 'localhost', '[::1]', '0.0.0.0'];

  it.each(['', 'film', 'main.js', 'events', 'frames?film=1&from=0&to=1', 'nothing'])(
    'a foreign Host gets 403 and nothing else: %s',
    async (name) => {
      for (const Host of hosts) {
        const { status, body } = await get(name, { Host });
        expect([Host, status, body]).toEqual([Host, 403, '']);
      }
    },
  );

  it('a foreign Origin gets 403, on every route and method', async () => {
    const origins = [
      'http://evil.example',
      'null',
      'https://127.0.0.1:1',
      `https://127.0.0.1:${server.port}`,
      'http://localhost',
    ];
    for (const Origin of origins) {
      for (const name of ['film', 'events', 'main.js']) expect((await get(name, { Origin })).status).toBe(403);
      for (const name of ['move', 'begin', 'ask']) {
        const { status, body } = await post(name, { action: 0 }, { Origin });
        expect([status, body]).toEqual([403, '']);
      }
    }
    for (const name of ['127.0.0.1', 'localhost']) {
      const own = `${name}:${server.port}`;
      expect((await get('film', { Host: own, Origin: `http://${own}` })).status).toBe(200);
    }
  });

  it('another token, or none, gets 403', async () => {
    for (const path of ['/', '/film', '/x/film', `/${token}x/film`, `/${token.slice(1)}/film`, `//${token}/film`, `/${token}`]) {
      const { status, body } = await ask(path);
      expect([path, status, body]).toEqual([path, path === `/${token}` ? 200 : 403, path === `/${token}` ? body : '']);
    }
  });

  it('listens on 127.0.0.1 alone', async () => {
    const others = Object.values(networkInterfaces()).flat().filter((face) => face!.family === 'IPv4' && !face!.internal);
    const reach = (host: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect({ host, port: server.port });
        socket.on('connect', () => resolve('open')).on('error', (error: NodeJS.ErrnoException) => resolve(error.code!));
        socket.on('connect', () => socket.destroy());
      });
    expect(await reach('127.0.0.1')).toBe('open');
    expect(await reach('127.0.0.2')).toBe('ECONNREFUSED');
    for (const face of others) expect(await reach(face!.address)).toBe('ECONNREFUSED');
  });

  it('draws a token of its own, and says which ones there may be', async () => {
    const own = await ViewServer.open(stage);
    const others = await ViewServer.open(stage);
    expect(own.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{22}\/$/);
    expect(own.url.split('/')[3]).not.toBe(others.url.split('/')[3]);
    const taken = await errorOf(() => ViewServer.open(stage, { port: own.port }));
    expect([taken.code, taken.message]).toEqual(['ERR_MG_ARGUMENT', expect.stringContaining('to be free, got EADDRINUSE')]);
    for (const bad of ['short', 'with/slash-in-it', 'a'.repeat(65)]) {
      expect((await errorOf(() => ViewServer.open(stage, { token: bad }))).code).toBe('ERR_MG_ARGUMENT');
    }
    await Promise.all([own.close(), others.close()]);
  });
});

describe('what comes back', () => {
  it('has a policy that lets nothing in from elsewhere, on pages and on refusals', async () => {
    for (const name of ['', 'main.js', 'style.css', 'film', 'nothing']) {
      const { headers } = await get(name);
      expect(headers['content-security-policy']).toMatch(/^default-src 'self'; object-src 'none'; base-uri 'none'/);
      expect(headers['content-security-policy']).not.toContain('unsafe');
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['referrer-policy']).toBe('no-referrer');
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
    expect((await get('')).body).not.toMatch(/<script(?![^>]* src=)|style=|\son\w+=|https?:/);
  });

  it('has every module of the page named at its beginning, so that none waits for another', async () => {
    const { body } = await get('');
    const named = [...body.matchAll(/<link rel="modulepreload" href="([\w-]+\.js)">/g)].map(([, name]) => name!);
    const imported = new Set<string>();
    for (const file of ['main.js', ...named]) {
      for (const [, name] of (await get(file)).body.matchAll(/from '\.\/([\w-]+\.js)'/g)) imported.add(name!);
    }
    expect([...imported].sort()).toEqual(named.sort());
  });

  it('names methods and routes that there are not', async () => {
    expect((await get('move')).status).toBe(405);
    expect((await post('film', {})).status).toBe(405);
    expect((await ask(`/${token}/film`, { method: 'DELETE' })).status).toBe(405);
    for (
      const name of ['nothing', '__proto__', 'constructor', '..', '../package.json', '%2e%2e/x', 'page/main.js', 'scene.d.ts']
    ) {
      expect([name, (await get(name)).status]).toEqual([name, 404]);
    }
    expect((await get('curve.svg?version=0')).status).toBe(404);
  });

  it('frames in order, 204 for a film that is over, 400 for more than are sent at a time', async () => {
    const { film, scene } = await filmOf();
    const frames = JSON.parse((await get(`frames?film=${film}&from=1&to=3`)).body) as SentFrame[];
    expect(frames.map(({ head }) => head.step)).toEqual([2, 3]);
    expect(scene.steps).toBe(9);
    expect(JSON.parse((await get(`frames?film=${film}&from=8&to=20`)).body)).toHaveLength(1);
    expect((await get(`frames?film=${film + 1}&from=0&to=1`)).status).toBe(204);
    expect((await get(`frames?film=${film}&from=0&to=65`)).status).toBe(400);
    expect((await get(`channels?film=${film}&step=0&grid=99`)).status).toBe(400);
    const next = JSON.parse((await post('begin', { seed: 2, motion: 'random' })).body) as FilmState;
    expect(next.film).toBe(film + 1);
    expect((await get(`frames?film=${film}&from=0&to=1`)).status).toBe(204);
  });

  it('a walk of one\'s own: moves, bumps, questions', async () => {
    await post('begin', { seed: 1 });
    const cells = (await filmOf()).scene.panels.findIndex(({ id }) => id === 'maze');
    const first = JSON.parse((await post('move', { action: 0 })).body) as FilmState;
    const film = await filmOf();
    expect(film.scene).toMatchObject({ motion: 'own', steps: null, seed: 1 });
    expect(first.made).toBe(2);
    const [start] = JSON.parse((await get(`frames?film=${first.film}&from=0&to=1`)).body) as SentFrame[];
    const maze = Buffer.from(start!.bytes, 'base64').subarray(0, start!.head.sizes[cells]);
    let [at, bumps] = [start!.head.path![0]!, 0];
    const by = [-5, 5, -1, 1];
    for (const action of [0, 1, 2, 3, 3, 3, 3, 2, 0, 0, 0]) {
      if (action !== 0 || at !== start!.head.path![0]) await post('move', { action });
      const to = at + by[action]!;
      if (maze[to] === 254) bumps += 1;
      else at = to;
    }
    const { made, film: number } = await filmOf();
    const [last] = JSON.parse((await get(`frames?film=${number}&from=${made - 1}&to=${made}`)).body) as SentFrame[];
    expect(last!.head.path!.at(-1)).toBe(at);
    expect(last!.head.facts[1]).toEqual(['Bumps', String(bumps)]);
    const asked = JSON.parse((await post('ask', { film: number, step: made - 1, cell: 6 })).body) as FilmState;
    const [again] = JSON.parse((await get(`frames?film=${asked.film}&from=${made - 1}&to=${made}`)).body) as SentFrame[];
    expect(again!.head.asked).toBe(6);
    expect(bumps).toBeGreaterThan(0);
  });
});

describe('hostile requests', () => {
  const RUNS = 10_000;
  const OK = new Set([200, 204, 400, 404, 405, 413, 415]);
  const names = fc.constantFrom('film', 'frames', 'channels', 'curve.svg', 'move', 'begin', 'ask', 'main.js', '', 'nothing');
  const key = fc.constantFrom('film', 'from', 'to', 'step', 'grid', 'version', '__proto__', 'x');
  const value = fc.oneof(
    fc.constantFrom('', '-1', '1e9', '99999999999', 'NaN', '0x1', '1', '%00', '%ff', '../..', '[]', '1&film=1'),
    fc.stringMatching(/^[!-~]{0,20}$/),
    fc.nat().map(String),
  );
  const query = fc.array(fc.tuple(key, value), { maxLength: 4 }).map((pairs) => (
    pairs.length === 0 ? '' : `?${pairs.map(([name, text]) => `${name}=${text}`).join('&')}`
  ));
  const body = fc.oneof(
    fc.json({ maxDepth: 3 }),
    fc.string({ maxLength: 60 }),
    fc.dictionary(
      fc.constantFrom('action', 'seed', 'motion', 'film', 'step', 'cell', '__proto__', 'x'),
      fc.oneof(fc.double(), fc.integer(), fc.string(), fc.constantFrom(null, 'own', 'toString', {}, [])),
    ).map((fields) => JSON.stringify(fields)),
    fc.constantFrom('{', '{"action":1e999}', '[]', 'null', '"', '{"action":0,"action":{}}', 'x'.repeat(2000), '\u0000'),
  );
  const type = fc.constantFrom('application/json', 'text/plain', 'application/json; charset=utf-7', '');

  it(`${RUNS} query strings and bodies get a code and nothing else`, async () => {
    const small = await Stage.of(subjectOf(tinyMaze), { seed: 1 });
    const own = await ViewServer.open(small, { token });
    // One connection for many: what is fuzzed are requests.
    const asked = async (path: string, method: string, headers: Record<string, string>, sent?: string): Promise<Reply> => {
      const outgoing = request({ host: '127.0.0.1', port: own.port, path, method, headers, agent: false });
      outgoing.on('error', () => {}); // a refusal may come before the whole body is sent
      const replied = once(outgoing, 'response');
      outgoing.end(sent);
      const [response] = await replied;
      let text = '';
      for await (const part of response) text += part;
      return { status: response.statusCode, headers: response.headers, body: text };
    };
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(names, query, fc.boolean(), body, type, async (name, asking, isPost, sent, contentType) => {
        const headers: Record<string, string> = contentType === '' ? {} : { 'Content-Type': contentType };
        const { status, body: text } = await asked(
          `/${token}/${name}${asking}`,
          isPost ? 'POST' : 'GET',
          isPost ? headers : {},
          isPost ? sent : undefined,
        );
        expect(OK).toContain(status);
        if (status !== 200) {
          refused += 1;
          expect(text).toBe('');
        }
      }),
      { numRuns: RUNS },
    );
    expect(refused).toBeGreaterThan(RUNS / 2);
    await own.close();
    small.dispose();
  }, 600_000);

  it('bytes that are no request get a 400 and are let go', async () => {
    for (
      const bytes of [
        '\r\n\r\n',
        'GET / HTTP/9.9\r\n\r\n',
        `GET /${token}/ HTTP/1.1\r\n\r\n`,
        '\u0000\u0001',
        'GET  HTTP/1.1\r\nHost: x\r\n\r\n',
      ]
    ) {
      const socket: Socket = connect(server.port, '127.0.0.1');
      socket.end(bytes);
      let text = '';
      for await (const part of socket) text += part;
      if (text !== '') expect(text).toMatch(/^HTTP\/1\.1 (400|403|505)/);
    }
    expect((await get('film')).status).toBe(200);
  });
});

describe('when all have gone', () => {
  it('200 viewers that came, listened and left leave no socket and no tensor', async () => {
    const { film: number } = JSON.parse((await post('begin', { seed: 1 })).body) as FilmState;
    await get(`frames?film=${number}&from=0&to=2`);
    await stage.settled();
    const tensors = undisposedTensors();
    const open = () => process.getActiveResourcesInfo().filter((name) => name.startsWith('TCPSocket')).length;
    const sockets = open();
    for (let round = 0; round < 4; round++) {
      const viewers = await Promise.all(Array.from({ length: 50 }, async () => {
        const outgoing = request({ host: '127.0.0.1', port: server.port, path: `/${token}/events`, agent: false });
        outgoing.on('error', () => {}); // it is cut below
        outgoing.end();
        const [response] = await once(outgoing, 'response');
        const [first] = await once(response, 'data');
        expect(String(first)).toContain('retry: 500');
        const { film } = stage.state;
        expect((await get(`frames?film=${film}&from=0&to=2`)).status).toBe(200);
        return outgoing;
      }));
      expect(server.viewers).toBe(50);
      for (const viewer of viewers) viewer.destroy();
      for (let wait = 0; wait < 500 && server.viewers > 0; wait++) await new Promise((resolve) => setTimeout(resolve, 10));
      expect(server.viewers).toBe(0);
    }
    for (let wait = 0; wait < 500 && open() > sockets; wait++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(open()).toBeLessThanOrEqual(sockets);
    await stage.settled();
    expect(undisposedTensors()).toBe(tensors);
  });

  it('64 pages may listen at a time', async () => {
    const come = async () => {
      const outgoing = request({ host: '127.0.0.1', port: server.port, path: `/${token}/events`, agent: false });
      outgoing.on('error', () => {});
      outgoing.end();
      const [response] = await once(outgoing, 'response');
      return [outgoing, response.statusCode] as const;
    };
    const all = await Promise.all(Array.from({ length: 66 }, come));
    expect(all.filter(([, status]) => status === 200)).toHaveLength(64);
    expect(all.filter(([, status]) => status === 503)).toHaveLength(2);
    for (const [outgoing] of all) outgoing.destroy();
  });
});
