/** Import this first in every entry point: a clear message instead of a puzzling failure later. */
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  process.stderr.write(
    `Cordwood needs Node 24, this is ${process.version}. Use the npm scripts: they run on the Node that \`npm ci\` installed ` +
      `(node_modules/.bin/node).\n`,
  );
  process.exit(1);
}
