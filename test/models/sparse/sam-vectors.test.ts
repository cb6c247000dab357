// The equations of sparse access memories in loops over numbers, against the golden vectors.
import { describe, expect, it } from 'vitest';
import { expectNear, vectorFile, type Dict, type Nested } from '../../helpers/vectors.js';
import {
  damStep,
  linkReads,
  linksStart,
  linksStep,
  samStep,
  type NaiveLinks,
  type NaiveRaw,
  type NaiveSamState,
  type Row,
} from './naive-sam.js';

interface SamFile {
  config: { slots: number; word: number; reads_per_head: number; heads: number; delta: number };
  inputs: { initial_memory: number[][]; raw: NaiveRaw[] };
  outputs: {
    steps: {
      least_recently_accessed: number[];
      write_weights: Dict<number>[];
      read_indices: number[][];
      read_weights: Nested;
      read_words: Nested;
      memory: Nested;
      moved_to_back: number[];
      ring_after: number[];
    }[];
  };
}
interface DamFile {
  config: { slots: number; word: number; discount: number };
  inputs: {
    initial_memory: number[][];
    raw: { query: number[]; strength: number; add: number[]; alpha: number; gamma: number }[];
  };
  outputs: { steps: Dict<Nested>[] };
}
interface LinkFile {
  config: { slots: number; links_per_row: number };
  inputs: { write_weights: number[][]; read_weights: number[][] };
  outputs: { steps: Dict<Nested>[] };
}

describe('the naive loops', () => {
  it('SAM: slots, weights, words, memories and rings of sam_sequence', () => {
    const file = vectorFile<SamFile>('sam_sequence');
    const { slots, word, heads, reads_per_head: reads, delta } = file.config;
    const s = { slots, wordSize: word, heads, reads, delta, strength: true };
    let state: NaiveSamState = {
      memory: file.inputs.initial_memory,
      ring: Array.from({ length: slots }, (_, i) => i),
      support: [[], []],
    };
    const tolerance = file.tolerance['float64']!;
    file.outputs.steps.forEach((wanted, t) => {
      const step = samStep(file.inputs.raw[t]!, state, s);
      state = step.state;
      expect(step.popped).toEqual(wanted.least_recently_accessed);
      wanted.write_weights.forEach((weights, h) => {
        const all: Row = Array.from({ length: slots }, (_, i) => weights[i] ?? 0);
        expectNear(step.writeWeights[h]!, all, tolerance, `${t} write weights ${h}`);
      });
      expect(state.support.map((entries) => entries.map(({ slot }) => slot))).toEqual(wanted.read_indices);
      const weights = state.support.flatMap((entries) => entries.map(({ weight }) => weight));
      expectNear(weights, wanted.read_weights, tolerance, `${t} read weights`);
      expectNear(step.words.flat(), wanted.read_words, tolerance, `${t} words`);
      expectNear(state.memory.flat(), wanted.memory, tolerance, `${t} memory`);
      expect(step.moved).toEqual(wanted.moved_to_back);
      expect(state.ring).toEqual(wanted.ring_after);
    });
  });

  it('DAM: weights, words, memories and usage of dam_sequence', () => {
    const file = vectorFile<DamFile>('dam_sequence');
    const s = { slots: file.config.slots, wordSize: file.config.word, heads: 1, discount: file.config.discount, strength: true };
    const zeros = new Array<number>(s.slots).fill(0);
    let state: Parameters<typeof damStep>[1] = { memory: file.inputs.initial_memory, usage: zeros, readWeights: [zeros] };
    const tolerance = file.tolerance['float64']!;
    file.outputs.steps.forEach((wanted, t) => {
      const { query, strength, add, alpha, gamma } = file.inputs.raw[t]!;
      const raw = { query: [query], add: [add], alpha: [alpha], gamma: [gamma], strength: [strength] };
      const step = damStep(raw, state, s);
      state = step.state;
      expect(step.popped).toEqual([wanted['least_used']]);
      expectNear(step.writeWeights[0]!, wanted['write_weights']!, tolerance, `${t} write weights`);
      expectNear(state.memory.flat(), wanted['memory']!, tolerance, `${t} memory`);
      expectNear(state.readWeights[0]!, wanted['read_weights']!, tolerance, `${t} read weights`);
      expectNear(step.words[0]!, wanted['read_word']!, tolerance, `${t} word`);
      expectNear(state.usage, wanted['usage']!, tolerance, `${t} usage`);
    });
  });

  it('SDNC: links, precedence and both forms of link reads of sdnc_links', () => {
    const file = vectorFile<LinkFile>('sdnc_links');
    let links: NaiveLinks = linksStart(file.config.slots);
    const tolerance = file.tolerance['float64']!;
    file.outputs.steps.forEach((wanted, t) => {
      links = linksStep(links, file.inputs.write_weights[t]!, file.config.links_per_row);
      expectNear(links.after.flat(), wanted['N']!, tolerance, `${t} N`);
      expectNear(links.before.flat(), wanted['P']!, tolerance, `${t} P`);
      expectNear(links.precedence, wanted['precedence']!, tolerance, `${t} precedence`);
      const read = file.inputs.read_weights[t]!;
      const [rows, paper] = [linkReads(links, read, 'rows'), linkReads(links, read, 'paper')];
      expectNear(paper.forward, wanted['forward_paper']!, tolerance, `${t} forward, paper`);
      expectNear(paper.backward, wanted['backward_paper']!, tolerance, `${t} backward, paper`);
      expectNear(rows.forward, wanted['forward_rows_of_P']!, tolerance, `${t} forward, rows`);
      expectNear(rows.backward, wanted['backward_rows_of_N']!, tolerance, `${t} backward, rows`);
    });
  });
});
