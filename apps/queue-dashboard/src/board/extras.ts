import type { UITheme } from '@bull-board/api/typings/app';

/** What bull-board's page lacks for everybody to read and to use it: found by axe, which the tests run on it. */

/** Colours with the contrast that WCAG AA asks for. */
export const THEME: UITheme = {
  light: {
    primary: '#0a5047',
    'muted-foreground': '#46505a',
    'status-failed': '#b91c1c',
    'status-completed': '#166534',
    'status-waiting': '#92400e',
    'status-waiting-children': '#9a3412',
    'status-prioritized': '#86198f',
    'status-delayed': '#5b21b6',
  },
  dark: {
    'muted-foreground': '#a9b4c2',
    'status-failed': '#f08a8a',
    'status-active': '#8ab0ee',
    'status-delayed': '#b8a1f0',
    'status-prioritized': '#dd93e8',
  },
};

/** The same where a colour is none of the theme's. */
export const STYLE = `body .hljs-title { color: #a3261e; }
body.dark-mode .hljs-title { color: #f0968f; }
body [class*="nullValue-"] { color: #46505a; }
body.dark-mode [class*="nullValue-"] { color: #a9b4c2; }
body [class*="description-"], body [class*="timeline-"] small, body [class*="timeline-"] time { opacity: 1; font-weight: 400; }
`;

/**
 * Names for buttons that are pictures alone, which is all that screen readers have to tell them by. bull-board takes its pictures from Lucide, and each
 * tells its name.
 */
export const SCRIPT = `'use strict';
const NAMES = {
  'refresh-cw': 'Retry',
  files: 'Duplicate',
  pencil: 'Update data',
  'trash-2': 'Clean',
  clock: 'Reschedule',
  'corner-up-left': 'Promote',
  'ellipsis-vertical': 'More actions',
  maximize: 'Full screen',
  'circle-user': 'Account',
};
function nameOf(button) {
  const picture = button.querySelector('svg');
  const kinds = picture ? [...picture.classList].filter((name) => name.startsWith('lucide-')) : [];
  const kind = kinds.map((name) => name.slice('lucide-'.length)).findLast((name) => name);
  return NAMES[kind] || (kind ? kind.replaceAll('-', ' ') : 'Redis details');
}
function nameAll() {
  for (const button of document.querySelectorAll('button:not([aria-label])')) {
    if (button.textContent.trim() === '' || button.querySelector('svg > style')) button.setAttribute('aria-label', nameOf(button));
  }
  // What its button is called is enough.
  for (const picture of document.querySelectorAll('svg[role="img"]:not([aria-hidden])')) picture.setAttribute('aria-hidden', 'true');
  // Who speaks to a machine says what stands there.
  for (const named of document.querySelectorAll('a[aria-label], button[aria-label]')) {
    const [text, label] = [named.textContent.trim(), named.getAttribute('aria-label')];
    if (!named.querySelector('svg > style') && !label.toLowerCase().includes(text.toLowerCase())) {
      named.setAttribute('aria-label', text + ': ' + label);
    }
  }
}
new MutationObserver(nameAll).observe(document, { childList: true, subtree: true });
`;
