// Reads pictures back: a strict little XML reader and a PNG reader, each from its own description.
import { inflateSync } from 'node:zlib';

/** An element with its attributes, its children and the text right inside it. */
export interface Node {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Node[];
  text: string;
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': '\'' };
const unescape = (text: string): string => {
  if (/[<>]/.test(text)) throw new Error(`a raw bracket in ${text}`);
  return text.replace(/&([^;]*);?/g, (all, name: string) => {
    const letter = ENTITIES[name];
    if (letter === undefined || !all.endsWith(';')) throw new Error(`entity ${all}`);
    return letter;
  });
};

/** Parses a document, or throws where it is not well-formed: tags that do not close, attributes twice, raw marks, NaN numbers. */
export function parseXml(document: string): Node {
  const root: Node = { name: '', attributes: {}, children: [], text: '' };
  const open = [root];
  const body = document.replace(/^<\?xml [^>]*\?>\n/, '');
  for (const [, tag, text] of body.matchAll(/<([^>]*)>|([^<]+)/g)) {
    const parent = open.at(-1) as Node;
    if (text !== undefined) parent.text += unescape(text);
    else if (tag?.startsWith('/') === true) {
      if (open.pop()?.name !== tag.slice(1)) throw new Error(`</${tag}> closes another element`);
    } else {
      const [, name = '', list = '', slash] = /^([a-zA-Z]+)((?: [a-zA-Z0-9:-]+="[^"]*")*)(\/?)$/.exec(tag ?? '') ?? [];
      if (name === '') throw new Error(`<${tag}> is no tag`);
      const pairs = [...list.matchAll(/ ([a-zA-Z0-9:-]+)="([^"]*)"/g)].map(
        ([, key, value]) => [key ?? '', unescape(value ?? '')] as const,
      );
      if (new Set(pairs.map(([key]) => key)).size !== pairs.length) throw new Error(`<${tag}> says a thing twice`);
      if (pairs.some(([, value]) => /NaN|Infinity|undefined|null/.test(value))) throw new Error(`<${tag}> holds no number`);
      const node: Node = { name, attributes: Object.fromEntries(pairs), children: [], text: '' };
      parent.children.push(node);
      if (slash !== '/') open.push(node);
    }
  }
  if (open.length !== 1 || root.children.length !== 1) throw new Error('expected one closed root');
  return root.children[0] as Node;
}

/** All elements of a name, in document order. */
export const all = (node: Node, name: string): Node[] =>
  node.children.flatMap((child) => [...(child.name === name ? [child] : []), ...all(child, name)]);
/** The texts of a picture. */
export const texts = (node: Node): string[] => all(node, 'text').map(({ text }) => text);

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** An RGB image of 8 bits with filters 0 and 2, as rows of #rrggbb. */
export function readPng(png: Buffer): string[][] {
  if (png.toString('latin1', 0, 8) !== '\x89PNG\r\n\x1a\n') throw new Error('no PNG signature');
  const chunks = new Map<string, Buffer>();
  let at = 8;
  while (at < png.length) {
    const length = png.readUInt32BE(at);
    const kind = png.toString('latin1', at + 4, at + 8);
    if (png.readUInt32BE(at + 8 + length) !== crc32(png.subarray(at + 4, at + 8 + length))) throw new Error(`CRC of ${kind}`);
    chunks.set(kind, png.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  if ([...chunks.keys()].join() !== 'IHDR,IDAT,IEND') throw new Error(`chunks ${[...chunks.keys()].join()}`);
  const head = chunks.get('IHDR') as Buffer;
  const [width, height] = [head.readUInt32BE(0), head.readUInt32BE(4)];
  if (head.subarray(8).toString('hex') !== '0802000000') throw new Error('another kind of image');
  const raw = inflateSync(chunks.get('IDAT') as Buffer);
  if (raw.length !== height * (1 + 3 * width)) throw new Error('another size of image');
  let above = new Uint8Array(3 * width);
  return Array.from({ length: height }, (_, row) => {
    const start = row * (1 + 3 * width);
    const filter = raw[start];
    if (filter !== 0 && filter !== 2) throw new Error(`filter ${filter}`);
    above = above.map((value, i) => (raw[start + 1 + i] ?? 0) + (filter === 2 ? value : 0));
    return Array.from({ length: width }, (_unused, x) => `#${Buffer.from(above.subarray(3 * x, 3 * x + 3)).toString('hex')}`);
  });
}

/** The image of an element `image`, one color for each of `height` × `width` cells; every pixel of a cell must agree. */
export function cellsOf(image: Node, height: number, width: number): string[][] {
  const prefix = 'data:image/png;base64,';
  const href = image.attributes['href'] ?? '';
  if (!href.startsWith(prefix)) throw new Error('no embedded PNG');
  const pixels = readPng(Buffer.from(href.slice(prefix.length), 'base64'));
  const side = pixels.length / height;
  return Array.from({ length: height }, (_, row) =>
    Array.from({ length: width }, (_unused, column) => {
      const square = pixels.slice(row * side, (row + 1) * side).flatMap((line) => line.slice(column * side, (column + 1) * side));
      const colors = new Set(square);
      if (colors.size !== 1 || square.length !== side * side) throw new Error(`cell ${row},${column} has ${colors.size} colors`);
      return [...colors][0] ?? '';
    }));
}
