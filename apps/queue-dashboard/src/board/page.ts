import { escapeHtml } from '../http/notice.ts';

/** Makes bull-board's page of what it wants in it. */
export type RenderPage = (params: Readonly<Record<string, string>>) => string;

/**
 * bull-board's template, which is small enough to be filled in without the engine it is written for, and without what it loads from other hosts: no browser
 * of ours is to tell them that somebody looks at the queues. `extras` are added to its head. @throws Error when it holds something that this does not know
 */
export function pageOf(template: string, extras: string): RenderPage {
  const own = template.replaceAll(/<link\b[^>]*\bhref="https?:[^>]*>/g, '').replace('</head>', `${extras}</head>`);
  const unknown = own.replaceAll(PLACE, '');
  if (unknown.includes('<%') || /https?:\/\//.test(unknown)) throw new Error('bull-board’s page is not what it was');
  return (params) =>
    own.replaceAll(PLACE, (_place, how: string, name: string) => {
      const value = params[name] ?? '';
      return how === '=' ? escapeHtml(value) : value;
    });
}

/** `<%= name %>` is escaped, `<%- name %>` is HTML. */
const PLACE = /<%([=-])\s*(\w+)\s*%>/g;
