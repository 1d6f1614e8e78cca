// Loaded before a script (`node -r`). It must run on any Node, so it is plain old JavaScript: without it an old Node
// would only say that it does not know the extension ".ts".
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `This project needs Node 22.18 or newer (24 is best) and this is ${process.version}: install it from nodejs.org.`,
  );
  process.exit(1);
}
