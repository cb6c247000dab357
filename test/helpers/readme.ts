// The README's code blocks, as printed.
import { readFileSync } from 'node:fs';

export interface Block {
  readonly language: string;
  readonly text: string;
  /** Line of the README on which it begins. */
  readonly line: number;
}

export const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** All blocks, or those of one language, in order. */
export function readmeBlocks(language?: string): Block[] {
  const blocks = [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1]!,
    text: match[2]!,
    line: readme.slice(0, match.index).split('\n').length + 1,
  }));
  return language === undefined ? blocks : blocks.filter((block) => block.language === language);
}

/** Rows of the table whose head has these cells, as lists of cells. */
export function readmeTable(...head: string[]): string[][] {
  const lines = readme.split('\n');
  const cells = (line: string): string[] => line.split('|').slice(1, -1).map((cell) => cell.trim());
  const start = lines.findIndex((line) => line.startsWith('|') && cells(line).join() === head.join());
  if (start < 0) throw new Error(`README has no table with the columns ${head.join(', ')}`);
  const end = lines.findIndex((line, i) => i > start && !line.startsWith('|'));
  return lines.slice(start + 2, end).map(cells);
}
