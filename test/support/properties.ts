/**
 * The seed of every property: the same each time, so that a test fails for what was changed and not for what was drawn. `SYNFIN_PROPERTY_SEED=N` is another;
 * `npm run properties` goes from seed to seed.
 */
import fc from 'fast-check';

const seed = Number(process.env['SYNFIN_PROPERTY_SEED'] ?? 20261122);
if (!Number.isInteger(seed)) {
  throw new TypeError(`SYNFIN_PROPERTY_SEED=${process.env['SYNFIN_PROPERTY_SEED']} is no seed: give a whole number`);
}
fc.configureGlobal({ seed });
