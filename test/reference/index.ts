// Every entry of the differential fuzzer.
import './activation.js';
import './element-losses.js';

import './arrange.js';
import './attention.js';
import './bags.js';
import './color.js';
import './conv.js';

import './factor.js';

import './indexing.js';
import './join.js';
import './layer-norm.js';
import './layers.js';
import './linalg.js';
import './linear-cross-entropy.js';
import './losses.js';
import './multi-head.js';
import './places.js';
import './pointwise.js';
import './pool.js';
import './positions.js';
import './reduce.js';
import './rnn.js';
import './sort.js';
import './shape.js';
import './special.js';
import './transforms.js';
import './triangle.js';
import './vision.js';
import './vision-losses.js';
