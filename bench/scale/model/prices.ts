/** What the operator pays, in dollars. */
export interface Prices {
  /** A GB (10⁹ bytes) stored for a month. */
  readonly storage: number;
  /** 1,000 requests that are PUT, COPY or LIST. */
  readonly put: number;
  /** 1,000 requests that are GET or HEAD. */
  readonly get: number;
  /** 1,000 requests that are DELETE. */
  readonly delete: number;
  /** A virtual processor for an hour. */
  readonly cpu: number;
}

/** S3 Standard in us-east-1 (the first step of the storage price), and a virtual processor of a general purpose machine. */
export const LIST_PRICES: Prices = { storage: 0.023, put: 0.005, get: 0.0004, delete: 0, cpu: 0.05 };

/** What each price is for, as the table of assumptions says it. */
export const PRICE_TITLES: Readonly<Record<keyof Prices, string>> = {
  storage: 'S3 Standard: 1 GB (10⁹ bytes) for a month',
  put: '1,000 PUT, COPY or LIST',
  get: '1,000 GET or HEAD',
  delete: '1,000 DELETE',
  cpu: 'a virtual processor for an hour',
};

export const DAYS_PER_MONTH = 30;

/** Requests of each kind. */
export type Requests = Readonly<Record<'LIST' | 'GET' | 'HEAD' | 'PUT' | 'COPY' | 'DELETE', number>>;

/** Dollars for requests. */
export function priceOfRequests({ LIST, GET, HEAD, PUT, COPY, DELETE }: Requests, prices: Prices): number {
  return ((LIST + PUT + COPY) * prices.put + (GET + HEAD) * prices.get + DELETE * prices.delete) / 1e3;
}

/** Dollars a month for so many bytes that are always there. */
export const priceOfStorage = (bytes: number, prices: Prices): number => (bytes / 1e9) * prices.storage;

/** Dollars for so many seconds of a processor. */
export const priceOfCpu = (seconds: number, prices: Prices): number => (seconds / 3_600) * prices.cpu;
