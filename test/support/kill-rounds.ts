import { randomInt } from 'node:crypto';

/** How often a test kills: few times in every run, FIELDSTATION_KILL_ROUNDS in a long one. */
export function killRounds(few: number): number {
  return Number(process.env['FIELDSTATION_KILL_ROUNDS'] ?? few);
}

/** A new seed each run, printed; FIELDSTATION_SEED repeats one. */
export function randomSeed(what: string): number {
  const seed = Number(process.env['FIELDSTATION_SEED'] ?? randomInt(2 ** 31));
  process.stdout.write(`${what}: FIELDSTATION_SEED=${seed}\n`);
  return seed;
}
