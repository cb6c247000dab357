// The few words of SVG that the pictures need, as strings.

/** Attributes of an element; numbers are rounded to hundredths, undefined ones are left out. */
export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** Looks shared by all pictures: light ground, the reader's own font. */
export const STYLE = {
  font: 'system-ui, -apple-system, \'Segoe UI\', Roboto, \'Helvetica Neue\', \'DejaVu Sans\', Arial, sans-serif',
  ground: '#ffffff',
  ink: '#1f2933',
  muted: '#66727f',
  faint: '#e7eaee',
  frame: '#b8c1cb',
} as const;

/** Text that may stand between tags or in an attribute. Characters that XML forbids are replaced. */
export function escapeXml(text: string): string {
  const marks: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\'': '&#39;' };
  const allowed = [...text].map((letter) => (isXmlCharacter(letter) ? letter : '\ufffd')).join('');
  return allowed.replace(/[&<>"']/g, (mark) => marks[mark] ?? mark);
}

function isXmlCharacter(letter: string): boolean {
  const code = letter.codePointAt(0) ?? 0;
  return code >= 32 ? (code < 0xd800 || code > 0xdfff) && code !== 0xfffe && code !== 0xffff : [9, 10, 13].includes(code);
}

/** A number with at most two decimals and no exponent. */
export function round(value: number): string {
  const text = (Math.round(value * 100) / 100).toFixed(2).replace(/\.?0+$/, '');
  return text === '-0' ? '0' : text;
}

/** One element. Children are SVG already; use {@link label} for text. */
export function element(name: string, attributes: Attributes = {}, ...children: readonly string[]): string {
  const pairs = Object.entries(attributes).filter(([, value]) => value !== undefined);
  const written = pairs
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? round(value) : escapeXml(String(value))}"`)
    .join('');
  return children.length === 0 ? `<${name}${written}/>` : `<${name}${written}>${children.join('')}</${name}>`;
}

/** A line of text at (x, y), its baseline; 12 px and dark unless told. */
export function label(text: string, x: number, y: number, attributes: Attributes = {}): string {
  return element('text', { x, y, 'font-size': 12, fill: STYLE.ink, ...attributes }, escapeXml(text));
}

/** Rough width of a text in the system font, in px: for places of neighbours, not for exact fits. */
export function textWidth(text: string, size = 12): number {
  let width = 0;
  for (const letter of text) width += /[iljtfI.,:;|!' ]/.test(letter) ? 0.34 : /[mwMW@%]/.test(letter) ? 0.92 : 0.6;
  return width * size;
}

/** The whole picture: a ground, a title for readers of the text, and what stands on it. */
export function svgDocument(width: number, height: number, title: string, content: readonly string[]): string {
  const ground = element('rect', { width, height, fill: STYLE.ground });
  const root = {
    xmlns: 'http://www.w3.org/2000/svg',
    width,
    height,
    viewBox: `0 0 ${round(width)} ${round(height)}`,
    'font-family': STYLE.font,
    role: 'img',
  };
  const parts = [element('title', {}, escapeXml(title)), ground, ...content];
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element('svg', root, parts.join('\n'))}\n`;
}
