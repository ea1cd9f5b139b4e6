/** Something that whoever runs the command can mend: one line that says what is wrong and what to do. */
export class Failure extends Error {
  /** 1: the thing itself failed; 2: it was asked for in a way that makes no sense. */
  readonly status: number;

  constructor(message: string, status = 1) {
    super(message);
    this.name = 'Failure';
    this.status = status;
  }
}
