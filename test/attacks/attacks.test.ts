// Every hostile file is stopped by its own rule, and the message names file and rule.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decode, inspectTensors, readTensors } from '../../lib/files/safetensors.js';
import { errorOf, temporaryFolder } from '../helpers/files.js';
import { shown } from '../helpers/promises.js';
import { ATTACKS } from './attacks.js';

const BODY_RULES = ['body-hash']; // inspectTensors reads the header only

describe('a hostile checkpoint is refused by its own rule', () => {
  const folder = temporaryFolder();

  it.each(ATTACKS)('$name: $rule', async ({ rule, bytes }) => {
    const file = join(folder, 'attack.safetensors');
    const content = bytes();
    writeFileSync(file, content);
    const readers = [() => readTensors(file), ...(BODY_RULES.includes(rule) ? [] : [() => inspectTensors(file)])];
    for (const read of readers) {
      const error = await errorOf(read);
      expect(error.code).toBe('ERR_MG_CHECKPOINT');
      expect(error.message).toContain(`(rule ${rule})`);
      expect(error.message.startsWith(`${file}: `)).toBe(true);
      expect(error.message.length).toBeLessThan(600);
    }
    expect((await errorOf(() => decode(content))).message).toContain(`(rule ${rule})`);
  });

  it('there are attacks enough, and no two have one name', () => {
    expect(ATTACKS.length).toBeGreaterThanOrEqual(25);
    expect(new Set(ATTACKS.map(({ name }) => name)).size).toBe(ATTACKS.length);
    shown('F3', ATTACKS.length, 'each file by its own rule');
  });

  it('messages name the offending key', async () => {
    const gap = ATTACKS.find(({ name }) => name === 'a gap between two arrays');
    const error = await errorOf(() => decode(gap?.bytes() ?? new Uint8Array(0), 'run/x.safetensors'));
    expect(error.message).toBe('run/x.safetensors: "b": expected data that begins at byte 4 (rule offsets-gap), got 8');
  });
});
