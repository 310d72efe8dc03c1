import { serveNetworks } from './networks.mjs';

await serveNetworks('more-models');
