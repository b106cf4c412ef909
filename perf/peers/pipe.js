// What Node offers for this: one stream piped into another.
process.stdin.pipe(process.stdout);
