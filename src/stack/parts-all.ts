import * as part from './parts.ts';

/** What `Stack` has. Apart from `parts.ts`: bundlers keep an object that others are spread into, and all of these with it. */
export const ALL_PARTS: part.Parts = {
  ...part.bbr,
  ...part.fastOpen,
  ...part.synCookies,
  ...part.udp,
  ...part.dormancy,
  ...part.icmp,
  ...part.fragments,
  ...part.inspection,
  ...part.warnings,
  ...part.many,
  ...part.floodGuard,
  ...part.accEcn,
  ...part.mtuProbes,
  ...part.undo,
};
