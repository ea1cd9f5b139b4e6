// The command line of the scripts: what is not understood is told in one line with exit status 2, and --help says what the script's first
// comment says.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** Ends the script for a reason that whoever called it can do something about. */
export function refuse(reason) {
  console.error(`${basename(process.argv[1])}: ${reason}`);
  process.exit(2);
}

/** The whole number, `least` or more, that an option was given. */
export function whole(values, option, least = 1) {
  const number = Number(values[option]);
  if (!Number.isSafeInteger(number) || number < least)
    refuse(`--${option} ${values[option]}: a whole number from ${least} on`);
  return number;
}

/**
 * `util.parseArgs` for the script at `url`, for people. Every script has `--help`. Does not return where that is asked for, or where the
 * arguments are wrong. From here on a file that cannot be read or written ends the script in one line, too.
 */
export function readArguments(url, options, allowPositionals = false) {
  const script = fileURLToPath(url);
  process.on('uncaughtException', (error) => {
    if (typeof error.syscall === 'string' && typeof error.path === 'string') refuse(error.message);
    console.error(error);
    process.exit(1);
  });
  let parsed;
  try {
    parsed = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h' } }, allowPositionals });
  } catch (error) {
    // Node's own text goes on with advice about `--` in a second sentence.
    console.error(
      `${basename(script)}: ${error.message.split(/\.\s/, 1)[0].replace(/\.$/, '')} (--help says what there is)`,
    );
    process.exit(2);
  }
  if (parsed.values.help) {
    console.log(firstComment(readFileSync(script, 'utf8')));
    process.exit(0);
  }
  return parsed;
}

/** Without its `// `. */
function firstComment(source) {
  const lines = source.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('//'));
  return lines
    .slice(0, end)
    .map((line) => line.replace(/^\/\/ ?/, ''))
    .join('\n');
}
