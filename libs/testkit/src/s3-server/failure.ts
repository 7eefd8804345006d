/** An S3 error answer. */
export class S3Failure extends Error {
  override name = 'S3Failure';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}
