// Every entry of the differential fuzzer.
import './pointwise.js';
