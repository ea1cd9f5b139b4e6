/** Words in both languages, each written for its readers. */
export interface Text {
  readonly en: string;
  readonly zh: string;
}

export type Language = keyof Text;

export function t(en: string, zh: string): Text {
  return { en, zh };
}
