/** The command line: `npm run -s station -- COMMAND ...`. Results go to stdout, everything for people to stderr. */
import './base/node-version.ts';
import { codeOf, messageOf } from './base/errors.ts';
import { VERSION } from './version.ts';

const HELP = `Fieldstation ${VERSION}

  serve  [--data DIR] [--mqtt HOST:PORT] [--coap HOST:PORT] [--http HOST:PORT]
         [--coap-tcp HOST:PORT] [--coap-ws HOST:PORT]
         [--mqtt-anonymous] [--no-record] [--profile conformance]
         runs the station; one line of JSON on stdout when it is ready, logs on stderr; Ctrl+C stops it
         defaults: 127.0.0.1:1883, 127.0.0.1:5683, 127.0.0.1:8080; port 0 takes any free one
         --coap-tcp, --coap-ws  serve CoAP over TCP and over WebSockets too; with TLS: in the console's settings
         --mqtt-anonymous  lets anyone in where --mqtt is open to the network and there are no users
         --no-record       the broker alone: nothing is decoded, shown or kept, sessions live in memory
         --profile conformance  what an MQTT conformance suite expects (docs/mqtt-conformance.md)
  call   METHOD [JSON] [--http URL] [--token T]
         calls a method of the running station and prints its result as JSON
  watch  TOPIC [JSON] [--http URL] [--token T]
         prints a subscription, a line of JSON each: first the snapshot, then deltas, until Ctrl+C
  help   this text; "version" prints the version

  call and watch find the station by --data DIR (or the default folder) when --http and --token are left out.
  A token on the command line is seen by every user of the machine; FIELDSTATION_TOKEN in the environment is not.
`;

async function main(args: string[]): Promise<number> {
  const [command = 'help', ...rest] = args;
  if (rest.includes('--help') || rest.includes('-h')) return main(['help']);
  switch (command) {
    case 'serve':
      return (await import('./cli/serve.ts')).serve(rest);
    case 'call':
      return (await import('./cli/call.ts')).call(rest);
    case 'watch':
      return (await import('./cli/watch.ts')).watch(rest);
    case 'version':
    case '--version':
      process.stdout.write(`${VERSION}\n`);
      return 0;
    case 'help':
    case '--help':
    case '-h':
      process.stdout.write(HELP);
      return 0;
    default:
      process.stderr.write(`Fieldstation has no command "${command}". "help" lists them.\n`);
      return 2;
  }
}

// A reader that left (`serve | head -1`, a log program that died) or a full disk under the log must not end a station.
process.stderr.on('error', () => undefined);
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return;
  process.stderr.write(`cli.not_written: The result could not be written: ${error.message}\n`);
  process.exitCode = 1;
});

try {
  const exitCode = await main(process.argv.slice(2));
  process.exitCode ??= exitCode;
} catch (error) {
  process.stderr.write(`${codeOf(error)}: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
