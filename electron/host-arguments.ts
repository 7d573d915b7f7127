/** The flags of `serve` that the desktop passes on to its host process. */
const PASSED_ON: readonly string[] = [
  '--data',
  '--mqtt',
  '--coap',
  '--coap-tcp',
  '--coap-ws',
  '--http',
  '--profile',
];
/** Those without a value. */
const SWITCHES: readonly string[] = ['--mqtt-anonymous', '--no-record'];

/**
 * Picks the host's flags, `--flag VALUE`, `--flag=VALUE` or `--switch`, from the command line of the desktop. What is left over
 * (Chromium's switches, a file that was dropped on the icon) is not for the host, which refuses what it does not know.
 */
export function hostArguments(argv: readonly string[], isPackaged: boolean): string[] {
  // From the sources the command line is `electron APP_FOLDER ...`.
  const words = argv.slice(isPackaged ? 1 : 2);
  const result: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    if (SWITCHES.includes(word)) result.push(word);
    if (!PASSED_ON.includes(name)) continue;
    if (equals >= 0) result.push(name, word.slice(equals + 1));
    else if (index + 1 < words.length) result.push(name, words[++index]!);
  }
  return result;
}
