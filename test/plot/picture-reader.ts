// Reads pictures back: XML by a strict little reader, PNG by another program's decoder.
import { decode } from 'fast-png';

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

/** An image of red, green and blue in 8 bits each, as rows of #rrggbb; checksums are checked. */
export function readPng(png: Buffer): string[][] {
  const { width, height, channels, depth, data } = decode(png, { checkCrc: true });
  if (channels !== 3 || depth !== 8) throw new Error(`an image of ${channels} channels of ${depth} bits`);
  return Array.from({ length: height }, (_, row) =>
    Array.from({ length: width }, (_unused, x) => {
      const at = 3 * (row * width + x);
      return `#${Buffer.from(data.slice(at, at + 3)).toString('hex')}`;
    }));
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
