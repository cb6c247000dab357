/** Before each test file: MG_SEED fixes what fast-check draws; without it each run draws anew and a failure prints its seed. */
import fc from 'fast-check';

const { MG_SEED: seed } = process.env;
if (seed !== undefined) fc.configureGlobal({ seed: Number(seed) });
