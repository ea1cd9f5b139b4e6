import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { fileTrouble, firstLine } from '../node/file-trouble.ts';
import { TunError } from '../node/tun-error.ts';
import { StackError } from '../stack/socket.ts';
import { profiles } from '../tcp/profiles.ts';
import { type BenchOptions, bench } from './bench.ts';
import { type ConnectCommandOptions, connect } from './connect.ts';
import { type DemoOptions, demo } from './demo.ts';
import { Failure } from './failure.ts';
import { PEERS } from './linux/play.ts';
import { type PacketdrillOptions, packetdrill } from './packetdrill.ts';
import { type ScenarioOptions, scenario } from './scenario.ts';
import { type ServeOptions, serve } from './serve.ts';
import { SUBNETS } from './tun-stack.ts';

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0.01 && value <= 240)) throw new InvalidArgumentError('Allowed: 0.01 to 240.');
  return value;
}

function port(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 65_535) throw new InvalidArgumentError('Allowed: 1 to 65535.');
  return value;
}

function wholeNumber(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw new InvalidArgumentError('A whole number.');
  return Number(text);
}

function between(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= least && value <= most))
      throw new InvalidArgumentError(`Allowed: ${least} to ${most}.`);
    return value;
  };
}

function gathered(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** The first subnet that is given replaces the default ones. */
function subnet(text: string, before: readonly string[]): readonly string[] {
  return before === SUBNETS ? [text] : [...before, text];
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

function program(finish: (status: number) => void): Command {
  const top = new Command('synfin')
    .description('A complete TCP, from SYN to FIN, in TypeScript.')
    .usage('COMMAND [OPTIONS]')
    .version(version())
    .addHelpText('before', 'Example: synfin demo\n')
    .helpCommand(false);

  top
    .command('demo')
    .description('serve a page to the kernel over a TUN device, draw the connection from SYN to FIN, check it')
    .addHelpText('before', 'Example: synfin demo --ipv6 --output ipv6.pcapng\n')
    .option('--active', 'be the client: fetch from a server of the kernel (nginx, else Node), and close first')
    .option('--ipv6', 'over IPv6')
    .option('--output <file>', 'where to save the capture', 'synfin-demo.pcapng')
    .option('--svg <file>', 'save the ladder as a picture, too')
    .option('--time-wait <seconds>', '2 MSL: how long the end that closes first waits', seconds, 1)
    .option('--all', 'draw every segment: fold no runs of data')
    .option('--plain', 'sentences in ASCII, no drawing, no colour: for screen readers and logs')
    .option('--quiet', 'only the verdict, and checks that do not hold')
    .option('--json', 'the outcome, the checks and every event as one JSON object')
    .option('--memory', 'do not ask for a TUN device: both ends are ours, joined in memory')
    .action(async (options: DemoOptions) => finish(await demo(options)));

  withDevice(top.command('serve'))
    .description('serve a page over HTTP/1.1 from a TUN device, until Ctrl-C')
    .argument('[file]', 'what to serve; a page of a mebibyte where not given')
    .addHelpText('before', 'Example: synfin serve --port 8080 --ladder\n')
    .option('--port <number>', 'where to listen', port, 80)
    .option('--namespace', 'in a network namespace of its own, which needs no root')
    .option('--workers <number>', 'threads, each with a queue of the interface and a stack of its own', between(1, 64))
    .action(async (file: string | undefined, options: ServeOptions) => finish(await serve(file, options)));

  withDevice(top.command('connect'))
    .description('connect over a TUN device: standard input to the port, what comes back to standard output')
    .argument('<host>', 'an IP address, or a name')
    .argument('<port>', 'its port', port)
    .addHelpText('before', 'Example: printf "GET / HTTP/1.0\\r\\n\\r\\n" | synfin connect 10.9.0.1 8080\n')
    .action(async (host: string, to: number, options: ConnectCommandOptions) =>
      finish(await connect(host, to, options)),
    );

  top
    .command('scenario')
    .description('play a behaviour of TCP in virtual time, with what is to be seen and why; without a name, list them')
    .argument('[name]', 'which one; or a file that a failure was saved to')
    .argument('[knobs...]', 'what can be turned in it: --delay 50; each scenario lists its own')
    .addHelpText('before', 'Example: synfin scenario close-fin-lost --delay 50\n')
    .option('--list', 'list them by chapter')
    .option('--all', 'play all, a line each')
    .option('--json', 'the list, the outcomes or the whole run as JSON')
    .addOption(new Option('--format <what>', 'how a run is told').choices(['ladder', 'json', 'svg', 'pcapng']))
    .option('--output <file>', 'where to save it; standard output where not given')
    .addOption(new Option('--lang <language>', 'the language of the explanations').choices(['en', 'zh']))
    .option('--step', 'wait for Enter after each step')
    .option('--plain', 'sentences, no drawing, no colour: for screen readers and logs')
    .option('--absolute', 'sequence numbers as they are on the wire, not counted from the SYN')
    .option('--mutate <rule>', 'take a rule of TCP out and see what breaks; --list names them')
    .addOption(new Option('--peer <who>', "Linux's own TCP at one end, over TUN and in real time").choices([...PEERS]))
    .addOption(new Option('--profile <name>', 'whose choices').choices(['linux', 'rfc9293']))
    .option('--seed <number>', 'of what is random', wholeNumber)
    .allowUnknownOption()
    .passThroughOptions(false)
    .action(async (name: string | undefined, knobs: string[], options: ScenarioOptions) =>
      finish(await scenario(name, knobs, options)),
    );

  top
    .command('packetdrill')
    .description('run packetdrill scripts against the stack, in virtual time')
    .argument('<files...>', 'scripts, or directories of them')
    .addHelpText('before', 'Example: synfin packetdrill --profile freebsd --ladder handshake.pkt\n')
    .addOption(new Option('--profile <name>', 'whose choices').choices(Object.keys(profiles)).default('linux'))
    .option('--strict', 'options in order and with NOPs, windows by value, buffer sizes')
    .option('--ipv6', 'over IPv6, where a script does not say')
    .option('--define <name[=value]>', 'what #ifdef and cookies know; may be repeated', gathered)
    .option('--list <file>', 'a table of scripts in the one directory: path, class, group, needed', gathered)
    .option('--ladder', 'the segments of scripts that pass, too')
    .option('--json <file>', 'save an object for each script; - for standard output')
    .option('--junit <file>', 'save what build servers read; - for standard output')
    .option('--seed <number>', 'of what is random', wholeNumber, 1)
    .option('--tolerance_usecs <number>', 'by how much an event may be off, 4000 where not given', between(0, 1e9))
    .option('--plain', 'no colour')
    .action((files: string[], options: PacketdrillOptions) => finish(packetdrill(files, options)));

  top
    .command('bench')
    .description("measure our TCP beside the kernel's and other stacks, in turns; needs root and gcc for rows over TUN")
    .argument('[rows...]', 'which ones; all where none is named')
    .addHelpText('before', 'Example: synfin bench receive crr --json figures.json --svg pictures\n')
    .option('--list', 'the rows, their contenders and targets, and what is missing here')
    .option('--rounds <number>', 'clean rounds for each row', between(1, 100), 5)
    .option('--seconds <number>', 'length of a sample', between(0.1, 60), 2)
    .option('--warm <number>', 'seconds before it', between(0, 60), 3)
    .option('--foreign <cores>', 'what other processes may take in a clean round', between(0, 64), 0.35)
    .option('--against <directory>', 'another build of ours (its dist) as a contender')
    .option('--only', 'ours alone')
    .option('--node <flag>', 'an option for the Node that runs our server; may be repeated', gathered)
    .option('--json <file>', 'save every figure; - for standard output')
    .option('--svg <directory>', 'save pictures of the rows that have something to draw')
    .action(async (rows: string[], options: BenchOptions) => finish(await bench(rows, options)));

  return top;
}

function withDevice(command: Command): Command {
  return command
    .option('--device <name>', 'the name of the TUN device; %d stands for the first free number', 'synfin%d')
    .option('--subnet <prefix>', 'the kernel gets its first address, we the second; may be repeated', subnet, SUBNETS)
    .option('--ladder', 'draw the connections')
    .option('--plain', 'draw in sentences, in ASCII');
}

/** Runs a command line; resolves to the exit status: 0 done, 1 the thing itself failed, 2 usage. */
async function main(argv: readonly string[]): Promise<number> {
  let status = 0;
  const top = program((s) => {
    status = s;
  });
  for (const command of [top, ...top.commands]) {
    const outputError = (text: string, write: (text: string) => void) =>
      write(`synfin: ${text.replace(/^error: /, '').trim()} (${helpOf(command)})\n`);
    command.exitOverride().configureOutput({ outputError });
  }
  try {
    await top.parseAsync(argv, { from: 'user' });
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

function helpOf(command: Command): string {
  return command.parent === null ? 'synfin --help' : `synfin ${command.name()} --help`;
}

// `synfin demo | head`: who reads no more is not told.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(141);
  process.stderr.write(`synfin: cannot write to standard output: ${fileTrouble('write', '-', error)}\n`);
  process.exit(1);
});
process.exitCode = await main(process.argv.slice(2));
