/** Relative to `/docs`, without a slash at the end: right behind a proxy that adds a prefix, too. */
export const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Cordwood reader-api</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="docs/swagger-ui.css">
    <link rel="stylesheet" href="docs/page.css">
  </head>
  <body>
    <noscript><p>This page needs JavaScript. <a href="openapi.json">openapi.json</a> says the same.</p></noscript>
    <main id="api"></main>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/page.js"></script>
  </body>
</html>
`;

/** A file of its own, as the policy allows no script in the page. */
export const PAGE_SCRIPT = `'use strict';
const root = document.getElementById('api');

// Swagger UI gives the fields for choices no name, which is all that screen readers have to tell them by.
function nameSelects() {
  for (const select of root.querySelectorAll('select:not([aria-label])')) {
    const row = select.closest('tr[data-param-name]');
    select.setAttribute('aria-label', row ? row.dataset.paramName : select.id || 'choice');
  }
}
new MutationObserver(nameSelects).observe(root, { childList: true, subtree: true });

window.ui = SwaggerUIBundle({
  url: 'openapi.json',
  domNode: root,
  presets: [SwaggerUIBundle.presets.apis],
  deepLinking: true,
  displayRequestDuration: true,
  // It would ask a foreign host.
  validatorUrl: null,
});
`;

/** Swagger UI's own colours are too pale to be read by everybody: these have the contrast that WCAG AA asks for. */
export const PAGE_STYLE = `body { margin: 0; background: #fff; }
.swagger-ui .info .title small { background: #4f5660; }
.swagger-ui .info .title small.version-stamp { background: #3b6000; }
.swagger-ui .info .base-url, .swagger-ui .info .title + a .url, .swagger-ui .info .url { color: #24476b; }
.swagger-ui .info a, .swagger-ui a.link { color: #1a5aa8; }
.swagger-ui .opblock.opblock-get .opblock-summary-method { background: #1a5aa8; }
.swagger-ui .opblock.opblock-post .opblock-summary-method { background: #1c6b46; }
.swagger-ui .opblock.opblock-delete .opblock-summary-method { background: #b3261e; }
.swagger-ui .btn.authorize, .swagger-ui .btn.authorize span { color: #1c6b46; border-color: #1c6b46; }
.swagger-ui .btn.authorize svg { fill: #1c6b46; }
.swagger-ui .parameter__in, .swagger-ui .parameter__extension, .swagger-ui .prop-format { color: #4f5660; }
.swagger-ui .json-schema-2020-12-expand-deep-button, .swagger-ui .json-schema-2020-12__attribute--muted { color: #4f5660; }
`;
