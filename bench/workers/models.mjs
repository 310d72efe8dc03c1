import { serveNetworks } from './networks.mjs';

await serveNetworks('models');
