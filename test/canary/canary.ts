/** Wrong on purpose: scripts/check-types.ts fails unless the compiler refuses this file. */
export const wrong: number = 'not a number';
