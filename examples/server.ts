// Serves predictions and trains at once: npm run example -- server --help
import { Command, Option } from 'commander';
import { makeServer, type ServerOptions } from './server/app.js';
import { measure } from './server/measure.js';
import { integer, runExample } from './support.js';

interface Options extends ServerOptions {
  port: number;
  host: string;
  measure?: boolean;
  clients: number;
  rate: number;
  seconds: number;
}

function parseOptions(): Options {
  return new Command('server')
    .description('A Fastify server that predicts and trains at the same time.')
    .option('--port <n>', 'port; 0 takes a free one', integer(0), 3000)
    .option('--host <name>', 'address to listen at', '127.0.0.1')
    .addOption(
      new Option('--dataset <name>', 'what it knows').choices(['fashion', 'mnist', 'digits']).default('fashion'),
    )
    .option('--folder <path>', 'where the checkpoint is (default: runs/server/<dataset>)')
    .option('--batch-size <n>', 'images per training step', integer(1), 100)
    .option('--max-batch-size <n>', 'most predictions that run together', integer(1), 32)
    .addOption(
      new Option('--train-in <where>', 'the thread that trains').choices(['worker', 'thread']).default('worker'),
    )
    .addOption(
      new Option('--training-priority <level>', 'background gives way to everything else, other programs too')
        .choices(['normal', 'background'])
        .default('background'),
    )
    .option('--watch-loop', 'tell in /status how long the event loop was held, apart from waiting for a core')
    .option('--measure', 'measure latency and throughput instead of serving')
    .option('--clients <n>', 'clients at once, for --measure', integer(1), 16)
    .option('--rate <n>', 'requests a second of all clients, for --measure', integer(1), 200)
    .option('--seconds <n>', 'length of each measurement', integer(1), 10)
    .parse()
    .opts<Options>();
}

/** Ctrl-C and SIGTERM end it in order, a second one at once. */
function closeOnSignal(close: () => Promise<void>): void {
  let since = Number.NaN;
  const end = (signal: NodeJS.Signals): void => {
    // One Ctrl-C may arrive twice: from the terminal, and from npm or tsx.
    if (performance.now() - since > 500) process.exit(1);
    if (!Number.isNaN(since)) return;
    since = performance.now();
    console.log(`${signal}: finishing requests, saving the training; once more ends at once`);
    close().then(
      () => console.log('stopped'),
      (error) => {
        console.error(error);
        process.exitCode = 1;
      },
    );
  };
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
}

await runExample(async () => {
  const options = parseOptions();
  options.folder ??= `runs/server/${options.dataset}`;
  if (options.measure) return measure(options);
  const { app, close } = await makeServer(options);
  closeOnSignal(close);
  const url = await app.listen({ port: options.port, host: options.host });
  console.log(`listening at ${url}

  curl -X POST ${url}/train                       # trains three epochs; goes on from ${options.folder}
  curl ${url}/sample/7 | curl ${url}/predict -H 'content-type: application/json' -d @-
  curl ${url}/status                              # training, requests, event loop, memory
`);
});
