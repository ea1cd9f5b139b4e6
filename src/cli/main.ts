import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { TunError } from '../node/tun-error.ts';
import { StackError } from '../stack/socket.ts';
import { type DemoOptions, demo } from './demo.ts';
import { Failure, firstLine } from './failure.ts';

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0.01 && value <= 240)) throw new InvalidArgumentError('0.01 … 240 seconds.');
  return value;
}

function program(finish: (status: number) => void): Command {
  const top = new Command('synfin')
    .description('A complete TCP, from SYN to FIN, in TypeScript.')
    .usage('COMMAND [OPTIONS]')
    .addHelpText('before', 'Example: synfin demo --active --ipv6\n')
    .showHelpAfterError('(synfin --help lists what there is)')
    .helpCommand(false);

  top
    .command('demo')
    .description('serve a page from this TCP to the kernel over a TUN device, draw the connection, check it')
    .addHelpText('before', 'Example: synfin demo --ipv6 --output ipv6.pcapng\n')
    .option('--active', 'be the client: fetch from a server of the kernel (nginx, else Node), and close first')
    .option('--ipv6', 'over IPv6')
    .option('--output <file>', 'where to save the capture', 'synfin-demo.pcapng')
    .option('--time-wait <seconds>', '2 MSL: how long the end that closes first waits', seconds, 1)
    .option('--all', 'draw every segment: fold no runs of data')
    .option('--plain', 'sentences in ASCII, no drawing, no colour: for screen readers and logs')
    .option('--quiet', 'only the verdict, and checks that do not hold')
    .option('--json', 'the outcome, the checks and every event as one JSON object')
    .option('--memory', 'do not ask for a TUN device: both ends are ours, joined in memory')
    .action(async (options: DemoOptions) => finish(await demo(options)));

  return top;
}

/** Runs a command line; resolves to the exit status: 0 done, 1 the thing itself failed, 2 usage. */
async function main(argv: readonly string[]): Promise<number> {
  let status = 0;
  const command = program((s) => {
    status = s;
  });
  for (const one of [command, ...command.commands]) one.exitOverride();
  try {
    await command.parseAsync(argv, { from: 'user' });
    return status;
  } catch (error) {
    // Commander has told it already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof Failure || error instanceof TunError || error instanceof StackError) {
      process.stderr.write(`synfin: ${firstLine(error)}\n`);
      return error instanceof Failure ? error.status : 1;
    }
    throw error;
  }
}

// `synfin demo | head`: who reads no more is not told.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(141);
  throw error;
});
process.exitCode = await main(process.argv.slice(2));
