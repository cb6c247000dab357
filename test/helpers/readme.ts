// Code blocks and tables of the README and of the page of measured figures, as printed.
import { readFileSync } from 'node:fs';

export interface Block {
  readonly language: string;
  readonly text: string;
  /** Line of the README on which it begins. */
  readonly line: number;
}

const page = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

export const readme = page('README.md');
export const measured = page('bench/README.md');

/** All blocks, or those of one language, in order. */
export function readmeBlocks(language?: string): Block[] {
  const blocks = [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1]!,
    text: match[2]!,
    line: readme.slice(0, match.index).split('\n').length + 1,
  }));
  return language === undefined ? blocks : blocks.filter((block) => block.language === language);
}

/** Rows of the README's table whose head has these cells, as lists of cells. */
export const readmeTable = (...head: string[]): string[][] => tableOf(readme, head);

/** The same of the page of measured figures. */
export const measuredTable = (...head: string[]): string[][] => tableOf(measured, head);

function tableOf(text: string, head: readonly string[]): string[][] {
  const lines = text.split('\n');
  const cells = (line: string): string[] => line.split('|').slice(1, -1).map((cell) => cell.trim());
  const start = lines.findIndex((line) => line.startsWith('|') && cells(line).join() === head.join());
  if (start < 0) throw new Error(`there is no table with the columns ${head.join(', ')}`);
  const end = lines.findIndex((line, i) => i > start && !line.startsWith('|'));
  return lines.slice(start + 2, end).map(cells);
}
