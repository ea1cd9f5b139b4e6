/** What a connection does, made visible: recording, the ladder, the outline of a life, and what must hold of it. */
export * from './box.ts';
export * from './checks.ts';
export * from './event.ts';
export * from './follow.ts';
export * from './format.ts';
export * from './ladder.ts';
export * from './paint.ts';
export * from './peer.ts';
export * from './plain.ts';
export * from './recorder.ts';
export * from './steps.ts';
export * from './story.ts';
export * from './svg.ts';
