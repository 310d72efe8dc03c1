// The server: predictions from the newest weights, and a training beside them.
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import {
  ArgumentError,
  ClosedError,
  DTypeError,
  io,
  memory,
  nn,
  QueueFullError,
  ShapeError,
  serving,
  synchronize,
  type Tensor,
} from 'nabla';
import { LoopWatch } from './loop-watch.js';
import { DATASETS, imageSize, newModel, type Training, type TrainingOptions } from './protocol.js';
import { RemoteTraining } from './remote.js';
import { checkpointIn, Session } from './session.js';

export interface ServerOptions extends TrainingOptions {
  /** Where it trains: in a thread of its own, or in the one that serves. */
  trainIn: 'worker' | 'thread';
  maxBatchSize: number;
  /** Notes how long the loop is held, without the time in which other programs have the cores. */
  watchLoop?: boolean;
}

export interface Server {
  readonly app: FastifyInstance;
  readonly batcher: serving.MicroBatcher;
  readonly training: Training;
  /** Finishes the requests, stops the training behind its step and saves it. */
  close(): Promise<void>;
}

/** Grey values from 0 to 255 in, probabilities out. */
class Classifier extends nn.Module {
  constructor(readonly network: nn.Module) {
    super();
  }

  forward(x: Tensor): Tensor {
    return this.network.forward(x.div(255)).softmax(1);
  }
}

const PREDICT = {
  body: {
    content: {
      'application/json': {
        schema: {
          type: 'object',
          required: ['pixels'],
          properties: { pixels: { type: 'array', items: { type: 'number' } } },
        },
      },
      'application/octet-stream': { schema: {} },
    },
  },
};

/** What a mistake of the caller is to HTTP; what is left is ours. */
function statusOf(error: unknown): number {
  if (error instanceof QueueFullError || error instanceof ClosedError) return 503;
  if (error instanceof ShapeError || error instanceof DTypeError || error instanceof ArgumentError) return 400;
  return (error as { statusCode?: number }).statusCode ?? 500;
}

/** Aborts when the client goes away: then nobody computes for it. */
function signalOf(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => controller.abort());
  return controller.signal;
}

export async function makeServer(options: ServerOptions): Promise<Server> {
  const { dataset, folder, trainIn, maxBatchSize } = options;
  await mkdir(folder, { recursive: true });
  const model = newModel(dataset);
  const path = checkpointIn(folder);
  const trained = existsSync(path);
  if (trained) model.loadStateDict((await io.loadCheckpoint(path)).model as Record<string, Tensor>);

  const side = imageSize(dataset);
  const batcher = new serving.MicroBatcher(new Classifier(model), {
    inputShape: [1, side, side],
    dtype: 'float32',
    maxBatchSize,
  });
  // On one stream a prediction waits for all that is queued before it. Behind each step those that wait go first.
  const yieldToRequests = async (): Promise<void> => {
    await synchronize();
    await batcher.drain();
  };
  const training =
    trainIn === 'worker'
      ? new RemoteTraining(model, options)
      : new Session(model, options, { onStep: yieldToRequests });
  const test = await DATASETS[dataset].load({ train: false });
  const loop = new LoopWatch(options.watchLoop);

  const app = Fastify();
  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
  app.setErrorHandler((error, _, reply) => {
    const status = statusOf(error);
    if (status === 503) reply.header('retry-after', '1');
    const message = status < 500 || status === 503 ? (error as Error).message : 'internal error';
    if (status === 500) console.error(error);
    return reply.code(status).send({ error: message });
  });

  // Grey values, row by row: { "pixels": [0, 12, ...] }, or as many bytes.
  app.post<{ Body: { pixels: number[] } | Buffer | undefined }>(
    '/predict',
    { schema: PREDICT },
    async ({ body }, reply) => {
      const pixels = Buffer.isBuffer(body) ? new Uint8Array(body) : body?.pixels;
      const row = await batcher.predict(pixels as number[], { signal: signalOf(reply) });
      const probabilities = Array.from(row, Number);
      const best = probabilities.indexOf(Math.max(...probabilities));
      return { class: test.classes[best], probability: probabilities[best], probabilities };
    },
  );

  // A test image, to be posted to /predict.
  app.get<{ Params: { index: string } }>('/sample/:index', ({ params }, reply) => {
    const index = Number(params.index);
    if (!Number.isInteger(index) || index < 0 || index >= test.length) {
      return reply.code(404).send({ error: `samples are numbered from 0 to ${test.length - 1}` });
    }
    const raw = test.images.subarray(index * side * side, (index + 1) * side * side);
    const pixels = Array.from(raw, (value) => (dataset === 'digits' ? Math.round((value * 255) / 16) : value));
    return { class: test.classes[test.labels[index]], pixels };
  });

  app.post<{ Body: { epochs?: number } | null }>('/train', ({ body }, reply) => {
    const epochs = body?.epochs ?? 3;
    if (!Number.isInteger(epochs) || epochs < 1)
      return reply.code(400).send({ error: 'epochs must be an integer of at least 1' });
    const started = training.start(epochs);
    return reply.code(started ? 202 : 409).send(started ? training.status : { error: 'it is training already' });
  });

  app.post('/train/stop', async () => {
    await training.stop();
    return training.status;
  });

  app.get<{ Querystring: { reset?: string } }>('/status', ({ query }) => {
    const eventLoopDelay = loop.read();
    if (query.reset !== undefined) loop.reset();
    const { live, cached, tensors } = memory();
    const requests = batcher.stats();
    return {
      training: training.status,
      requests,
      eventLoopDelay,
      memory: { live, cached, tensors, rss: process.memoryUsage.rss() },
    };
  });

  const close = async (): Promise<void> => {
    await Promise.all([app.close(), training.close()]);
    await batcher.close();
    loop.close();
  };
  return { app, batcher, training, close };
}
