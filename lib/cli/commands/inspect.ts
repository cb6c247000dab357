// The command `inspect`: what a checkpoint holds.

import type { Command } from 'commander';
import { inspectTensors } from '../../files/safetensors.js';
import { checkpointFile } from '../run-path.js';
import { table } from '../../table.js';
import { plain, print, printJson } from '../output.js';

/** `inspect`: keys, shapes and configuration of a checkpoint, or of any safetensors file. Reads the header only. */
export function addInspect(program: Command): Command {
  return program
    .command('inspect')
    .description('show what a checkpoint (or any safetensors file) holds')
    .argument('<checkpoint|run folder>')
    .option('--json', 'one JSON object')
    .action(async (path: string, { json }: { json?: boolean }) => {
      const file = checkpointFile(path);
      const { entries, metadata, format } = await inspectTensors(file);
      const ofModel = entries.filter(({ key }) => key.startsWith('model.'));
      const parameters = ofModel.reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0);
      if (json === true) return printJson({ file, format, parameters, metadata: Object.fromEntries(metadata), entries });
      const rows = entries.map((e) => [plain(e.key), e.dtype, `[${e.shape.join(', ')}]`, String(e.bytes)]);
      print(table([['key', 'dtype', 'shape', 'bytes'], ...rows]));
      print(`\n${entries.length} tensors, ${parameters} model parameters`);
      for (const [key, value] of metadata) print(`${plain(key)}: ${plain(value)}`);
    });
}
