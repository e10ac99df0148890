// The table of rooms as rules: what each room of src/ may import. A room that is not in this
// table is an error, so that a new one is thought about before it is used. Type imports count: a room
// that knows another's types knows the room.

/** What each room may import besides itself, as in the design's table. */
const below = ['continuation', 'pollset']
const rooms = {
  pollset: [],
  continuation: ['pollset'],
  transport: below,
  engine: below,
  http: ['transport', 'engine', ...below],
  http1: ['http', 'transport', 'engine', ...below],
  http2: ['http', 'transport', 'engine', ...below],
  // The frontend of programs of Node's. It knows Node's messages by their types.
  node: ['http', 'transport', 'engine', ...below],
  balancing: ['engine', ...below],
  'access-log': below,
  proxy: ['access-log', 'balancing', 'http', 'transport', 'engine', ...below],
  filters: ['proxy', 'http', 'transport', 'engine', ...below],
  // Reads files, opens no sockets.
  config: ['filters', 'proxy', 'access-log', 'balancing', 'http', 'transport', 'engine', ...below],
  // Runs filters on the simulated network. It is for tests, and serves nobody.
  testing: ['config', 'filters', 'proxy', 'http1', 'http', 'transport', 'engine', ...below],
  debugger: ['transport', ...below],
  // Another protocol, which imports no room of HTTP.
  redis: ['transport', 'engine', ...below],
  // Numbers and their text.
  metrics: [],
  // Questions of operators over HTTP: it knows no proxy.
  admin: ['http', 'transport', 'engine', ...below],
  // Processes that share one service.
  workers: ['transport', ...below],
  // A process of its own, which carries no requests: a client of the debugger.
  terminal: ['debugger'],
}

/** What the outside comes in through: sockets, clocks, chance, the work of others. For the door's own files. */
const outside = [
  'net',
  'tls',
  'dns',
  'dns/promises',
  'timers',
  'timers/promises',
  'http',
  'https',
  'http2',
  'dgram',
  'perf_hooks',
  'crypto',
  'child_process',
  'worker_threads',
]

const roomRules = Object.entries(rooms).map(([room, mayImport]) => ({
  name: `room-${room}`,
  comment: `${room}/ may import ${mayImport.length === 0 ? 'nothing of ours' : mayImport.join(', ')}.`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: { path: '^src/', pathNot: `^src/(${[room, ...mayImport].join('|')})/` },
}))

module.exports = {
  forbidden: [
    ...roomRules,
    {
      name: 'room-unknown',
      comment: 'A room that the table does not name: add it there first.',
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/((${Object.keys(rooms).join('|')}|server)/|main\\.ts$)` },
      to: {},
    },
    {
      name: 'main-knows-server-only',
      comment: 'main.ts is the command line and knows server/ only.',
      severity: 'error',
      from: { path: '^src/main\\.ts$' },
      to: { path: '^src/', pathNot: '^src/server/' },
    },
    {
      name: 'nobody-imports-main',
      comment: 'main.ts runs when it is loaded.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/main\\.ts$' },
      to: { path: '^src/main\\.ts$' },
    },
    {
      name: 'one-door',
      comment:
        "All that can steer a run enters through src/pollset/node/*.ts. A type steers nothing. The listen() of server/embedding/compat makes a server of the program's own, whose requests it hands on as any program does. The server of server/app-server listens nowhere: it is the program's app, a peer behind us, and our side of each of its connections enters through src/pollset/node. The response of server/embedding/fastify-upgrades is Fastify's own: its router answers a WebSocket with it. The terminal runs in another process. The worker of config/ runs in another thread, carries no requests, and only answers messages.",
      severity: 'error',
      from: {
        path: '^src/',
        pathNot:
          '^src/(pollset/node/[^/]+|terminal/(?:admin-)?client|server/config-thread|server/app-server|server/embedding/(?:compat|fastify-upgrades))\\.ts$',
      },
      to: {
        dependencyTypes: ['core'],
        dependencyTypesNot: ['type-only'],
        path: `^(node:)?(${outside.join('|')})$`,
        pathNot: '^(node:)?(http2|crypto)$',
      },
    },
    {
      name: 'one-door-crypto',
      comment:
        'Chance and keys come through the door. The digest of the WebSocket handshake is a pure function, and so is the HMAC that stands for a secret: its key comes in as an option.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(pollset/node/[^/]+|http1/websocket|config/secrets)\\.ts$' },
      to: { dependencyTypes: ['core'], path: '^(node:)?crypto$' },
    },
    {
      name: 'one-door-http2',
      comment: 'node:http2 is a peer, not a part: only the embedded origin is written with it.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/server/origin\\.ts$' },
      to: { dependencyTypes: ['core'], dependencyTypesNot: ['type-only'], path: '^(node:)?http2$' },
    },
    {
      name: 'src-stands-alone',
      comment: 'src imports neither spec nor test nor tools: what checks it is not part of it.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(spec|test|tools)/' },
    },
    {
      name: 'tools-know-no-test',
      comment: 'What tools and tests both need stands in tools/testbed: tools import no test.',
      severity: 'error',
      from: { path: '^tools/' },
      to: { path: '^test/' },
    },
    {
      name: 'testbed-knows-src-only',
      comment: 'tools/testbed is owned by neither tools nor tests: it imports src alone.',
      severity: 'error',
      from: { path: '^tools/testbed/' },
      to: { path: '^(test|tools)/', pathNot: '^tools/testbed/' },
    },
    {
      name: 'no-circular',
      comment: 'No circles between files that run. Two types of one room may know each other.',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unresolvable',
      comment:
        'An import that leads nowhere. The module `vscode` is that of the editor which loads its extension.',
      severity: 'error',
      from: { pathNot: '^tools/vscode/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'no-dev-packages',
      comment: 'src runs with the packages its users install.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    detectProcessBuiltinModuleCalls: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
      mainFields: ['module', 'main', 'types', 'typings'],
    },
  },
}
