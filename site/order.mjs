// How the reference is ordered.

/** Names of modules where they are not those of their folder. */
export const modules = { index: 'nabla', 'nn/functional': 'F' };

/** Listed in this order; those that are not named follow. */
export const order = ['nabla', 'nn', 'F', 'optim', 'data', 'training', 'vision', 'text', 'models', 'io', 'metrics'];

/** By the file below lib/ in which something is declared; the first that fits counts. */
export const categories = {
  nabla: [
    [/^tensor\/(create|sequence)|^ops\/shape\/make/, 'Creating tensors'],
    [/^tensor\/tensor/, 'The tensor'],
    [/^(ops\/random|tensor\/random)/, 'Random numbers'],
    [/^tensor\/(scope|read|runtime)/, 'Memory, gradients and the stream'],
    [/^ops\/pointwise/, 'Element by element'],
    [/^ops\/reduce/, 'Reductions, sorting, statistics'],
    [/^ops\/shape/, 'Shapes'],
    [/^ops\/indexing/, 'Indexing'],
    [/^ops\/linalg/, 'Linear algebra'],
    [/^ops\/layers/, 'Layers as functions'],
    [/^(errors|optional)/, 'Errors'],
  ],
  F: [
    [/conv/, 'Convolution'],
    [/pool/, 'Pooling'],
    [/activation|rectified|softmax|pointwise\/unary/, 'Activations'],
    [/loss|ctc|cross-entropy/, 'Losses'],
    [/norm/, 'Normalization'],
    [/attention|multi-head|positions|heads/, 'Attention'],
    [/dropout|random/, 'Dropout'],
    [/linear|embedding|bilinear|indexing/, 'Linear and sparse'],
    [/interpolate|grid|shuffle|unfold|pad|warp/, 'Images and windows'],
    [/distance/, 'Distances'],
  ],
  nn: [
    [
      /^nn\/(module|parameter|container|hooks|state-dict|summary|parameter-container|lazy\.|members|repr)/,
      'Modules, containers, parameters',
    ],
    [/^nn\/(linear-cross-entropy|adaptive|loss)/, 'Losses'],
    [/^nn\/(conv|lazy-conv)/, 'Convolution'],
    [/^nn\/pool/, 'Pooling'],
    [/^nn\/(activation|softmax)/, 'Activations'],
    [/^nn\/(norm|layer-norm)/, 'Normalization'],
    [/^nn\/(rnn)/, 'Recurrent'],
    [/^nn\/(transformer|multihead|kv-cache|positions)/, 'Attention and Transformers'],
    [/^nn\/dropout/, 'Dropout'],
    [/^nn\/(linear|sparse)/, 'Linear and sparse'],
    [/^nn\/(padding|resize|unfold|distance)/, 'Padding, resizing, windows, distances'],
  ],
};
