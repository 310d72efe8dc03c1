/**
 * Where the time goes: by operation, by module, on the stream.
 * @packageDocumentation
 */
export { type ProfileInput, type ProfileOptions, profile } from './model.js';
export { Profile, type ProfileChartOptions, type ProfileTableOptions } from './profile.js';
export type { Phase } from './recorder.js';
export type { LayerProfile, OpProfile } from './rows.js';
export { Profiler, recordFunction, type StartOptions, start } from './start.js';
export type { ChromeTrace, TraceEvent } from './trace.js';
