/** Preloaded into an app (`--import`): its wall clock is off by CHAOS_CLOCK_OFFSET ms. Timers and `performance.now()` are right. */
const offset = Number(process.env['CHAOS_CLOCK_OFFSET'] ?? '0');
const RealDate = Date;
const now = (): number => RealDate.now() + offset;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
  apply: () => new Date().toString(),
  get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
});
