// bAbI question answering, from files to numbered words. Weston et al. 2015, "Towards AI-complete question answering";
// word-level protocol of Graves et al. 2016 (differentiable neural computer), as the multigrid paper follows it.

import { fail } from '../../check.js';

/** Stands in the input where an answer word is wanted. */
export const PLACEHOLDER = '-';

/** One story with its questions as one sequence of words. */
export interface StoryText {
  /** Lower-case words, `.` and `?` on their own, one placeholder per answer word after each question. */
  readonly tokens: readonly string[];
  /** The answer word at each placeholder, '' elsewhere. */
  readonly targets: readonly string[];
  /** Steps that answer each question, in order. */
  readonly questions: readonly (readonly number[])[];
}

/** Splits the text of a bAbI file into stories. A line is `ID statement.` or `ID question? <TAB>answer<TAB>supporting IDs`;
 *  ID 1 begins a story. Spaces around words and answers do not count; lines end as on any system. Line numbers and
 *  supporting IDs are dropped; an answer `a,b` is two words.
 *  ERR_MG_ARGUMENT, naming the line, for anything else. */
export function parseStories(where: string, text: string): StoryText[] {
  const stories: { tokens: string[]; targets: string[]; questions: number[][] }[] = [];
  text.split(/\r\n|[\r\n]/).forEach((line, k) => {
    if (line.trim() === '') return;
    const match = /^\s*(\d+)\s+([^\t]*[^\t ]) *(?:\t([^\t]+)\t[\d\s]*|\s*)$/.exec(line);
    const isFirst = match?.[1] === '1';
    if (match === null || (stories.length === 0 && !isFirst)) {
      fail('ERR_MG_ARGUMENT', where, `a bAbI line at line ${k + 1}`, line);
    }
    if (isFirst) stories.push({ tokens: [], targets: [], questions: [] });
    const story = stories.at(-1)!;
    const words = match[2]!.toLowerCase().replaceAll(/([.?])/g, ' $1 ').split(/\s+/).filter((word) => word !== '');
    story.tokens.push(...words);
    story.targets.push(...words.map(() => ''));
    if (match[3] === undefined) return;
    const answer = match[3].toLowerCase().split(',').map((word) => word.trim());
    if (answer.includes('')) fail('ERR_MG_ARGUMENT', where, `an answer at line ${k + 1}`, line);
    story.questions.push(answer.map((_, i) => story.tokens.length + i));
    story.tokens.push(...answer.map(() => PLACEHOLDER));
    story.targets.push(...answer);
  });
  return stories;
}

/** All words of the stories, answers and the placeholder included, sorted by code unit: 159 for the 20 English tasks. */
export function vocabularyOf(stories: Iterable<StoryText>): string[] {
  const words = new Set([PLACEHOLDER]);
  for (const { tokens, targets } of stories) {
    for (const word of tokens) words.add(word);
    for (const word of targets) if (word !== '') words.add(word);
  }
  return [...words].sort((a, b) => (a < b ? -1 : 1));
}
